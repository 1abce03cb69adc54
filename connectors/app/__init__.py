"""A shop's own app: REST and WebSocket, resumed by the last seq that was seen, and a push hook for who is away."""
