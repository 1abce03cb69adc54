"""How often one customer may write and one address may ask: counted in Redis, so for all processes together."""

import hashlib

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import TooMany

PREFIX = "kefu:limit"
MESSAGES = 30  # a minute, of one customer
REQUESTS = 600  # a minute, of one address: behind it may be a whole company
CODES = 10  # for phone numbers, a minute, asked for from one address: each costs money and rings somebody's phone
MESSAGES_PER_UPLOAD = 3
TOO_FAST = "您发得太快了，请稍等一会儿再发。"
TOO_MANY_REQUESTS = "请求太频繁了，请稍等一会儿再试。"

logger = structlog.get_logger()


def counters(redis: Redis) -> RedisStorage:
    """Where `limits` counts: in our Redis. The address is not used, for the connections are those of `redis`."""
    return RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=PREFIX,
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]
    )


class Limits:
    """Limits are a minute's; 0 switches one off. Without Redis nothing is limited: customers come first."""

    def __init__(self, redis: Redis, *, messages: int = MESSAGES, requests: int = REQUESTS) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(counters(redis))
        self._messages = messages
        self._requests = requests

    async def allow(self, channel: str, sender: str) -> bool:
        """Count a message of a customer; False when it is one too many and should not be accepted."""
        return await self._hit("message", self._messages, channel, sender)

    async def check(self, channel: str, sender: str) -> None:
        """The same for who can be answered at once. Raises TooMany."""
        if not await self.allow(channel, sender):
            raise TooMany(TOO_FAST)

    async def check_upload(self, sender: str) -> None:
        """Count a file that a customer sends. Raises TooMany."""
        if not await self._hit("upload", -(-self._messages // MESSAGES_PER_UPLOAD), sender):
            raise TooMany(TOO_FAST)

    async def check_code(self, address: str) -> None:
        """Count a code that somebody at an address has sent to a phone. Raises TooMany."""
        if not await self._hit("code", CODES, address):
            raise TooMany(TOO_MANY_REQUESTS)

    async def may_notify(self, channel: str, sender: str) -> bool:
        """Whether a customer who writes too fast should be told so: once a minute, not for every message."""
        return await self._hit("notice", 1, channel, sender)

    async def allow_request(self, address: str) -> bool:
        """Count a request of an address."""
        return await self._hit("request", self._requests, address)

    async def _hit(self, what: str, per_minute: int, *whose: str) -> bool:
        if per_minute == 0:
            return True
        item: RateLimitItem = RateLimitItemPerMinute(per_minute)
        key = hashlib.sha256("\0".join(whose).encode()).hexdigest()[:32]  # ids of people stay out of Redis
        try:
            return await self._limiter.hit(item, what, key)
        except RedisError as error:
            logger.warning("nothing is limited while Redis is away", error=str(error))
            return True
