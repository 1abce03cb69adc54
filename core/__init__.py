"""The ground floor: settings, errors, storage, bus and the conversation. It imports nothing of ours."""
