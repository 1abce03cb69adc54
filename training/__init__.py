"""Lint, train, evaluate and measure what the bot learns."""
