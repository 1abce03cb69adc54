"""Channels. A connector verifies and parses what its vendor sends, fills the inbox and empties the outbox."""
