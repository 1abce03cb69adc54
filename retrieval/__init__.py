"""Knowledge search: what the bot may answer from, found by meaning and by characters."""
