"""The bus: what happened, told to every process that wants to know. Redis publish/subscribe; nothing is kept.

Whatever must not be lost is in the database first; the bus only says «look again». Listeners of the same process hear
it at once, the others through Redis: what piles up while one batch is on its way goes with the next.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

logger = structlog.get_logger()

PREFIX = "kefu:"
ORIGIN_BYTES = 16  # before the JSON: which bus it comes from
QUEUE_SIZE = 1000
CONNECTIONS = 64
WAIT_SECONDS = 20
RECONNECT_SECONDS = 0.5

Event = tuple[str, dict[str, Any]]


class Stream:
    """Events as they come. Not a generator: a wait that is given up in time does not end it."""

    def __init__(self, queue: asyncio.Queue[Event]) -> None:
        self._queue = queue

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()


class Bus:
    """One Redis subscription a process, fanned out to any number of listeners in it."""

    def __init__(self, redis_url: str) -> None:
        # In a burst callers wait for a connection; without a bound they would find the server's.
        self.redis: Redis = Redis.from_pool(
            BlockingConnectionPool.from_url(redis_url, max_connections=CONNECTIONS, timeout=WAIT_SECONDS)
        )
        self._origin = uuid.uuid4().bytes
        self._listeners: dict[str, set[asyncio.Queue[Event]]] = {}
        self._outgoing: list[Event] = []
        self._sender: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe. Raises redis' ConnectionError when the server is not there."""
        pubsub = await self._subscribed()
        self._reader = asyncio.create_task(self._read(pubsub), name="bus")

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._sender:
            await self._sender
        await self.redis.aclose()

    async def publish(self, topic: str, data: dict[str, Any]) -> None:
        """Never fails what it tells about, which is stored already: who listens looks again by itself in a while.

        `data` is shared with the listeners: nobody changes it.
        """
        self._fan_out(topic, data)
        self._outgoing.append((topic, data))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send(), name="bus: send")

    async def _send(self) -> None:
        while self._outgoing:
            batch, self._outgoing = self._outgoing, []
            pipeline = self.redis.pipeline(transaction=False)
            for topic, data in batch:
                pipeline.publish(PREFIX + topic, self._origin + orjson.dumps(data))
            try:
                await pipeline.execute()
            except RedisConnectionError as error:
                logger.warning("other processes were not told", topics=len(batch), error=str(error))

    @contextlib.asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator["Stream"]:
        """`async with bus.subscribe("desk") as stream: async for topic, data in stream: …`

        `conversation.*` hears of every conversation.
        A listener too slow for its queue misses the newest events; every event only says «look again».
        """
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_SIZE)
        for topic in topics:
            self._listeners.setdefault(topic, set()).add(queue)
        try:
            yield Stream(queue)
        finally:
            for topic in topics:
                listeners = self._listeners[topic]
                listeners.discard(queue)
                if not listeners:
                    del self._listeners[topic]

    async def _subscribed(self) -> PubSub:
        pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        await pubsub.psubscribe(PREFIX + "*")
        return pubsub

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            try:
                async for message in pubsub.listen():
                    origin, data = message["data"][:ORIGIN_BYTES], message["data"][ORIGIN_BYTES:]
                    if origin != self._origin:
                        self._fan_out(message["channel"].decode()[len(PREFIX) :], orjson.loads(data))
            except RedisConnectionError:
                await asyncio.sleep(RECONNECT_SECONDS)  # redis-py subscribes again by itself on the next read

    def _fan_out(self, topic: str, data: dict[str, Any]) -> None:
        for name in (topic, topic.partition(".")[0] + ".*"):
            for queue in self._listeners.get(name, ()):
                with contextlib.suppress(asyncio.QueueFull):
                    queue.put_nowait((topic, data))
