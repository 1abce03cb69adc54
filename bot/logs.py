"""Logs as lines of JSON, or in colours on a terminal. Traces show no local variables: people's words may be there."""

import sys

import orjson
import structlog
from structlog.types import Processor

INFO = 20


def configure() -> None:
    """Called once, when the app starts."""
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines: list[Processor] = [
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
    ]
    colours: list[Processor] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    on_terminal = sys.stdout.isatty()
    structlog.configure(
        processors=common + (colours if on_terminal else lines),
        wrapper_class=structlog.make_filtering_bound_logger(INFO),
        logger_factory=structlog.PrintLoggerFactory() if on_terminal else structlog.BytesLoggerFactory(),
    )
