"""One customer, one conversation: messages, lease, inbox, outbox, transcript and the log of events."""
