"""The one tree of errors. An HTTP edge answers with `status` and `{"error": {"code", "message"}}`.

KefuError
├── SettingsError          a setting is unknown, missing or malformed; stops the start
├── InvalidInput   422     what was sent cannot be used; the message says why
├── Unauthorized   401     who is asking is not known
├── Forbidden      403     known, but not allowed
├── NotFound       404     not there, or not theirs
├── Conflict       409     the state does not allow it
│   └── StaleFence         the conversation changed hands; a late reply is refused
├── TooLarge       413     a body over its limit
├── TooMany        429     a rate limit
└── Unavailable    503     a backend or service is down or too slow
"""


class KefuError(Exception):
    """Base of all errors we raise on purpose. `code` is for machines, `message` for people."""

    code = "error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def as_json(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": self.message}}


class SettingsError(KefuError):
    code = "settings"


class InvalidInput(KefuError):
    code = "invalid_input"
    status = 422


class Unauthorized(KefuError):
    code = "unauthorized"
    status = 401


class Forbidden(KefuError):
    code = "forbidden"
    status = 403


class NotFound(KefuError):
    code = "not_found"
    status = 404


class Conflict(KefuError):
    code = "conflict"
    status = 409


class StaleFence(Conflict):
    code = "stale_fence"


class TooLarge(KefuError):
    code = "too_large"
    status = 413


class TooMany(KefuError):
    code = "too_many"
    status = 429


class Unavailable(KefuError):
    code = "unavailable"
    status = 503
