"""What happens on each channel, counted for Prometheus and logged: never who said what.

A line of the log holds the channel and, where the caller has bound one (`structlog.contextvars`), the message's id.
"""

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ACKNOWLEDGED_WITHIN = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds; WeChat gives up after 5

registry = CollectorRegistry()
_RECEIVED = Counter("kefu_messages_received", "Messages stored for the first time", ["channel"], registry=registry)
_REPEATED = Counter("kefu_messages_repeated", "Repeats that were dropped", ["channel"], registry=registry)
_ACKNOWLEDGED = Histogram(
    "kefu_acknowledgement_seconds",
    "From a request that brings messages to its acknowledgement",
    ["channel"],
    buckets=ACKNOWLEDGED_WITHIN,
    registry=registry,
)
_ANSWERED = Counter("kefu_messages_answered", "Messages whose turn is over", ["channel"], registry=registry)
_DELIVERED = Counter("kefu_messages_delivered", "Messages that went out", ["channel"], registry=registry)
_UNDELIVERED = Counter(
    "kefu_messages_undelivered", "Messages that cannot be delivered", ["channel", "failure"], registry=registry
)

logger = structlog.get_logger("channels")


def received(channel: str) -> None:
    _RECEIVED.labels(channel).inc()
    logger.info("received", channel=channel)


def repeated(channel: str) -> None:
    _REPEATED.labels(channel).inc()
    logger.info("repeated", channel=channel)


def acknowledged(channel: str, seconds: float) -> None:
    _ACKNOWLEDGED.labels(channel).observe(seconds)
    logger.info("acknowledged", channel=channel, ms=round(seconds * 1000, 1))


def answered(channel: str) -> None:
    _ANSWERED.labels(channel).inc()
    logger.info("answered", channel=channel)


def delivered(channel: str, n: int = 1) -> None:
    _DELIVERED.labels(channel).inc(n)
    logger.info("delivered", channel=channel, messages=n)


def undelivered(channel: str, failure: str) -> None:
    """`failure`: the short code that is stored with the message."""
    _UNDELIVERED.labels(channel, failure).inc()
    logger.warning("undelivered", channel=channel, failure=failure)


def exposition() -> bytes:
    """Everything counted by this process, in Prometheus' text format."""
    return generate_latest(registry)
