"""Forms: what the bot must know before it acts, and the acting itself."""
