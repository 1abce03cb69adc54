"""The Rasa project: domain, dialogues, graph components, channel, tracker store. Runs in Python 3.10."""
