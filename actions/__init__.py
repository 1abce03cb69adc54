"""Rasa custom actions and the backends they ask."""
