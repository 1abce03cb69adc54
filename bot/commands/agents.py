"""`./kefu agents …`."""
