"""Training: from nlu_data/ and the Rasa project to a model with its metrics."""
