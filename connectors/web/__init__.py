"""The web: the chat page and widget, and the endpoints that existing Rasa clients speak (REST, socket.io)."""
