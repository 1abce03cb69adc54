"""Graph components of the Rasa pipeline (see config.yml). Python 3.10."""
