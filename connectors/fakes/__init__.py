"""Fakes of the vendors' servers, as strict as the vendors: for tests and for trying a channel without an account."""
