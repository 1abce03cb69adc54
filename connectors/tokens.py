"""Signed tokens: who a visitor is, and which member the shop says they are."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from core.conversation.message import Proof, ProofKind
from core.errors import Unauthorized

ALGORITHM = "HS256"
MEMBER_AUDIENCE = "kefu-member"
VISITOR_AUDIENCE = "kefu-visitor"
LINK_AUDIENCE = "kefu-link"
LONGEST_ID = 64  # characters
CLOCKS_APART = timedelta(minutes=1)  # the shop's and ours
LINK_LIFETIME = timedelta(minutes=5)
MEMBER_LIFETIME = timedelta(hours=12)
VISITOR_LIFETIME = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Visitor:
    """`sender` is the visitor's id within the channel; `member_id` is verified or None."""

    sender: str
    member_id: str | None


class Tokens:
    """Makes and reads both kinds. Each has a key of its own, so the shop that signs members cannot sign visitors."""

    def __init__(self, secret_key: str, member_key: str | None = None) -> None:
        self._visitor_key = _derive(secret_key, "visitor")
        self._member_key = member_key or _derive(secret_key, "member")

    def member_token(self, member_id: str) -> str:
        return _sign({"sub": member_id, "aud": MEMBER_AUDIENCE}, self._member_key, MEMBER_LIFETIME)

    def member_id(self, token: str) -> str:
        """Raises Unauthorized for a token that the shop did not sign or that has run out."""
        return _bounded(_read(token, self._member_key, MEMBER_AUDIENCE)["sub"])

    def member_proofs(self, token: str) -> tuple[Proof, ...]:
        """The member, and what else the shop has verified: claims `unionid` and `phone_number`. Raises Unauthorized."""
        return _proofs(_read(token, self._member_key, MEMBER_AUDIENCE))

    def customer(self, token: str) -> tuple[str, tuple[Proof, ...]]:
        """Who an app's user is, and what links them. `guest: true` says that the app knows a device and no member."""
        claims = _read(token, self._member_key, MEMBER_AUDIENCE)
        if claims.get("guest") is True:
            return f"guest:{_bounded(claims['sub'])}", ()
        return _bounded(claims["sub"]), _proofs(claims)

    def link(self, token: str) -> tuple[str, str, tuple[Proof, ...]]:
        """Channel and sender of somebody whom the shop knows, and the proofs: a member, or a unionid or phone number
        that it has verified alone. Raises Unauthorized."""
        claims = _read(token, self._member_key, LINK_AUDIENCE, ["exp"])
        channel, sender, proofs = claims.get("channel"), claims.get("sender"), _proofs(claims)
        if not (isinstance(channel, str) and isinstance(sender, str) and channel and sender):
            raise Unauthorized("关联凭证里缺少 channel 或 sender")
        if not proofs:
            raise Unauthorized("关联凭证里没有 sub、unionid 或 phone_number")
        return channel[:32], sender[:160], proofs

    def link_token(self, member_id: str, channel: str, sender: str) -> str:
        """As the shop makes it, once somebody has logged in inside a channel."""
        claims = {"sub": member_id, "channel": channel, "sender": sender, "aud": LINK_AUDIENCE}
        return _sign(claims, self._member_key, LINK_LIFETIME)

    def visitor_token(self, visitor: Visitor) -> str:
        claims = {"sub": visitor.sender, "member": visitor.member_id, "aud": VISITOR_AUDIENCE}
        return _sign(claims, self._visitor_key, VISITOR_LIFETIME)

    def visitor(self, token: str) -> Visitor:
        """Raises Unauthorized for a token that is not ours."""
        claims = _read(token, self._visitor_key, VISITOR_AUDIENCE)
        return Visitor(str(claims["sub"]), claims.get("member"))

    def bearer(self, authorization: str) -> Visitor:
        """The visitor of an Authorization header. Raises Unauthorized."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("请先打开会话")
        return self.visitor(token)


def _proofs(claims: dict[str, Any]) -> tuple[Proof, ...]:
    named: tuple[tuple[ProofKind, str], ...] = (("member", "sub"), ("unionid", "unionid"), ("phone", "phone_number"))
    return tuple(Proof(kind, _bounded(claims[claim])) for kind, claim in named if claims.get(claim))


def _bounded(value: object) -> str:
    """As long as the shop's ids are stored."""
    if len(str(value)) > LONGEST_ID:
        raise Unauthorized(f"凭证里的编号超过 {LONGEST_ID} 个字符")
    return str(value)


def _derive(key: str, purpose: str) -> str:
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _sign(claims: dict[str, Any], key: str, lifetime: timedelta) -> str:
    return jwt.encode(claims | {"exp": datetime.now(UTC) + lifetime}, key, ALGORITHM)


def _read(token: str, key: str, audience: str, needed: Sequence[str] = ("sub", "exp")) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, [ALGORITHM], audience=audience, leeway=CLOCKS_APART, options={"require": list(needed)}
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorized("登录已过期,请重新登录") from None
    except (jwt.InvalidTokenError, UnicodeEncodeError):
        raise Unauthorized("登录凭证无效,请重新登录") from None
    return claims
