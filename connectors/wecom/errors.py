"""WeCom's error codes, and what each means for a message of ours (全局错误码)."""

from connectors.protocol import DeliveryFailed, TryAgain, Undeliverable

TOKEN = {40014, 42001}  # invalid, expired: worth another token

_WAIT: dict[int, float | None] = {
    -1: None,  # busy
    6000: 1.0,  # changed by somebody else at the same time
    45009: 60.0,  # calls in a minute, hour or day
    45033: 1.0,  # calls at the same time
    # Wrong settings. Nothing of the message is wrong: it waits until they are right.
    40001: 60.0,  # secret
    40013: 60.0,  # corp id
    40091: 60.0,  # secret of another kind
    60020: 60.0,  # our address is not on the list
    **dict.fromkeys(TOKEN, 60.0),
}
_NEVER = {
    40003: "refused",  # no such member
    40031: "refused",
    40096: "refused",  # no such customer
    60111: "refused",
    60011: "refused",  # the member is out of the application's sight
    81013: "refused",  # none of the receivers may get it
    40004: "bad_media",
    40006: "bad_media",
    40007: "bad_media",
    40009: "bad_media",
    45001: "bad_media",
    45002: "too_long",
    40056: "no_permission",  # agent id
    41011: "no_permission",
    48002: "no_permission",
    301002: "no_permission",
    # 微信客服
    95000: "no_permission",  # no such account of ours
    95001: "quota",
    95002: "window_closed",
    95004: "no_permission",
    95012: "no_permission",  # accounts are not managed in WeCom
    95013: "window_closed",  # the session is over
    95017: "no_permission",
    95018: "held_elsewhere",  # in the pool, or with one of WeCom's own people
}


class Refused(DeliveryFailed):
    """WeCom answered with an error code that another try will not change."""

    code = "refused_by_wecom"

    def __init__(self, errcode: int, message: str) -> None:
        super().__init__(f"WeCom answered {errcode}: {message}")
        self.errcode = errcode

    @property
    def is_known(self) -> bool:
        """Whether we know what the code means."""
        return self.errcode in _NEVER

    def as_undeliverable(self) -> Undeliverable:
        return Undeliverable(_NEVER.get(self.errcode, "rejected"), self.message)


def check(errcode: int, message: str) -> None:
    """Raises TryAgain or Refused for anything but success."""
    if errcode in _WAIT:
        raise TryAgain(f"WeCom answered {errcode}: {message}", after=_WAIT[errcode])
    if errcode != 0:
        raise Refused(errcode, message)
