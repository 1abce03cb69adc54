"""Input channel: `POST /webhooks/kefu/turn`, for the app alone: Rasa listens on loopback and asks no credentials."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import redis
from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.assistant.listening import CHANNEL, Message
from bot.assistant.turn import ActionFailed

logger = logging.getLogger(__name__)


class KefuChannel(InputChannel):
    """Body and answer are in bot/assistant/README.md. Errors: 400 malformed, 503 worth trying again."""

    @classmethod
    def name(cls) -> str:
        return CHANNEL

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        routes = Blueprint("kefu_channel", __name__)

        @routes.route("/health", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return json({"status": "ok", "model": request.app.ctx.agent.processor.model_filename})

        @routes.route("/turn", methods=["POST"])
        async def turn(request: Request) -> HTTPResponse:
            try:
                message = read(request.json)
            except ValueError as error:
                return _error(400, "invalid_turn", str(error))
            try:
                return json(await request.app.ctx.turns.take(message), ensure_ascii=False)
            except ActionFailed as error:
                return _error(503, "action_failed", str(error))
            except redis.RedisError as error:
                logger.error("Turn %s is not stored: %r", message.message_id, error)
                return _error(503, "store_unavailable", f"the tracker store cannot be reached: {error!r}")

        return routes


def read(body: Any) -> Message:
    """Raises ValueError naming the field that is missing or of another type."""
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    wanted = {"sender": str, "message_id": str, "text": str, "metadata": dict}
    values = {"metadata": {}, **body}
    for field, kind in wanted.items():
        if not isinstance(values.get(field), kind):
            raise ValueError(f"{field} is missing or not a {kind.__name__}")
    if not values["text"].strip():
        raise ValueError("text is empty")
    return Message(**{field: values[field] for field in wanted})


def _error(status: int, code: str, message: str) -> HTTPResponse:
    return json({"error": {"code": code, "message": message}}, status=status)
