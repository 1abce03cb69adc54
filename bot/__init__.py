"""The roof: what makes the rooms one bot."""
