"""A shop's own system, asked over the HTTP contract in `openapi.yaml`."""
