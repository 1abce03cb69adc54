"""A stock Rasa 3.6 project for Chinese, as its documentation has one set it up, on our own data and dialogue."""
