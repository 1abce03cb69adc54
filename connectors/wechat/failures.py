"""WeChat's error codes in delivery's terms: when to try again, and what is in vain."""

from connectors.protocol import DeliveryFailed, TryAgain, Undeliverable

BAD_TOKEN = frozenset({40001, 40014, 42001})
BAD_MEDIA = "bad_media"

# Seconds to wait where WeChat's reason says how long it lasts; None: delivery backs off by itself.
_LATER: dict[int, float | None] = {
    -1: None,  # busy
    45011: 60,  # calls a minute
    45009: 1800,  # calls a day: counted anew at midnight in China
    40164: 300,  # this machine's address is not on the account's list
    40013: 300,  # app id
    40125: 300,  # app secret
    40002: 300,  # kind of token
    50004: 300,  # account frozen
    50007: 300,
    **dict.fromkeys(BAD_TOKEN, 60.0),
}

_NEVER: dict[int, str] = {
    45015: "window_closed",
    45047: "quota",
    45002: "too_long",
    48001: "no_permission",
    48004: "no_permission",
    50001: "no_permission",
    50002: "no_permission",
    40003: "refused",  # not a customer of this account
    43004: "refused",  # does not follow
    48002: "refused",  # takes no messages
    50005: "refused",  # has unfollowed
    40004: BAD_MEDIA,
    40005: BAD_MEDIA,
    40006: BAD_MEDIA,
    40007: BAD_MEDIA,
    40009: BAD_MEDIA,
}


def failure(code: int, message: str) -> DeliveryFailed:
    """What `errcode` of an answer means. A code that is not known is in vain: the same call would fail again."""
    said = f"WeChat answered {code}: {message}"
    if code in _LATER:
        return TryAgain(said, everybody=True, after=_LATER[code])
    return Undeliverable(_NEVER.get(code, "rejected"), said)
