"""Sentence encoders: text in, unit vectors out. Nothing heavy is imported here: also runs inside Rasa (Python 3.10)."""
