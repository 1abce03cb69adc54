"""A phone number proved by a code that was sent to it.

The code lives in Redis, hashed, for a few minutes; it is right once, and a few wrong ones end it. Sending it is the
deployment's own service (`hook`).
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from core.conversation.message import Proof
from core.errors import InvalidInput, NotFound, TooMany, Unavailable

CODE_SECONDS = 300
AGAIN_SECONDS = 60
CODES_A_DAY = 10
DAY_SECONDS = 24 * 3600
TRIES = 5
_PHONE = re.compile(r"1[3-9]\d{9}")


SendCode = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes `{"phone", "code"}`; raises Unavailable."""

logger = structlog.get_logger()


class PhoneCodes:
    """`start` sends a code, `verify` turns the right one into a proof."""

    def __init__(self, redis: Redis, secret: str, send: SendCode | None) -> None:
        self._redis = redis
        self._secret = secret.encode()
        self._send = send

    @property
    def is_open(self) -> bool:
        """Whether codes can be sent at all."""
        return self._send is not None

    async def start(self, phone: str, who: str) -> None:
        """Send a code to `phone` for the customer `who`. Raises InvalidInput, TooMany, NotFound or Unavailable."""
        if self._send is None:
            raise NotFound("还没有开通短信验证")
        if not _PHONE.fullmatch(phone):
            raise InvalidInput("请输入 11 位手机号")
        key = self._key(phone)
        if not await self._redis.set(f"{key}:wait", b"1", ex=AGAIN_SECONDS, nx=True):
            raise TooMany("验证码刚刚发过,请一分钟后再试")
        sent = await self._redis.incr(f"{key}:day")
        if sent == 1:
            await self._redis.expire(f"{key}:day", DAY_SECONDS)
        if sent > CODES_A_DAY:
            raise TooMany("这个号码今天收的验证码太多了,请明天再试")
        code = f"{secrets.randbelow(10**6):06d}"
        await self._redis.set(f"{key}:code", self._hash(phone, who, code), ex=CODE_SECONDS)
        await self._redis.delete(f"{key}:tries")
        try:
            await self._send({"phone": phone, "code": code})
        except Unavailable as error:
            logger.warning("a code could not be sent", error=error.message)
            await self._redis.delete(f"{key}:wait", f"{key}:code")
            raise Unavailable("短信暂时发不出去,请稍后再试") from error

    async def verify(self, phone: str, who: str, code: str) -> Proof:
        """Raises InvalidInput for a wrong or old code, TooMany after too many wrong ones."""
        key = self._key(phone)
        tries = await self._redis.incr(f"{key}:tries")
        await self._redis.expire(f"{key}:tries", CODE_SECONDS)
        if tries > TRIES:
            await self._redis.delete(f"{key}:code")
            raise TooMany("验证码错得太多了,请重新获取")
        expected = await self._redis.get(f"{key}:code")
        if not isinstance(expected, bytes) or not hmac.compare_digest(expected, self._hash(phone, who, code)):
            raise InvalidInput("验证码不对,或已过期")
        if not await self._redis.delete(f"{key}:code"):  # somebody else used it at the same moment
            raise InvalidInput("验证码不对,或已过期")
        return Proof("phone", phone)

    def _key(self, phone: str) -> str:
        return f"kefu:phone:{self._hash(phone, '', '').decode()[:32]}"

    def _hash(self, *parts: str) -> bytes:
        return hmac.new(self._secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest().encode()
