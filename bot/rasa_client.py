"""The client to the assistant (Rasa): one turn in, its replies and its understanding out."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from core.conversation.message import Button, Reply
from core.errors import KefuError, Unavailable

HANDOFF = "handoff"
STORE_UNAVAILABLE = b'"store_unavailable"'  # code of the channel's error while its tracker store is away
MAX_CONNECTIONS = 100


class AssistantFailed(KefuError):
    """The assistant is there but could not take this turn; trying again may not help."""

    code = "assistant_failed"


@dataclass(frozen=True)
class Turn:
    """What the assistant made of one message.

    `responses` names the responses of the domain that were said. `decision` is what the handoff policy decided, with
    all its signals; `handoff` is the effect of `action_handover`, if it ran.
    """

    replies: tuple[Reply, ...]
    understanding: dict[str, Any]
    actions: tuple[str, ...]
    responses: tuple[str, ...] = ()
    handoff: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None


class Assistant:
    """Speaks to `bot/assistant/channel.py`. The same message id again answers the same: a turn may be repeated.

    aiohttp, for it costs a third of httpx's CPU a request, and a turn is little else. Make it where an event loop runs.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            headers={"Content-Type": "application/json"},
        )

    def point_to(self, url: str) -> None:
        """New turns go to the assistant at `url`; those under way end where they began."""
        self._url = url

    async def close(self) -> None:
        await self._session.close()

    async def take_turn(self, conversation_id: str, message_id: str, text: str, metadata: dict[str, Any]) -> Turn:
        """Raises Unavailable when the assistant cannot be reached in time, AssistantFailed when it answers an error."""
        body = {
            "sender": conversation_id,
            "message_id": message_id,
            "text": text,
            "metadata": metadata | {"message_id": message_id},
        }
        try:
            async with self._session.post(f"{self._url}/webhooks/kefu/turn", data=orjson.dumps(body)) as response:
                status, content = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the assistant does not answer: {error!r}") from error
        if status != HTTPStatus.OK:
            kind = Unavailable if STORE_UNAVAILABLE in content else AssistantFailed
            raise kind(f"the assistant answered {status}: {content[:500].decode(errors='replace')}")
        return _turn(orjson.loads(content))


def _turn(answer: dict[str, Any]) -> Turn:
    replies: list[Reply] = []
    handoff = None
    for item in answer["replies"]:
        custom = item.get("custom")
        if custom and custom.get("kefu") == HANDOFF:
            handoff = custom
            custom = None
        buttons = tuple(Button(b["title"], b["payload"]) for b in item.get("buttons") or ())
        if item.get("text") or buttons or item.get("image") or custom:
            replies.append(Reply(text=item.get("text"), buttons=buttons, image=item.get("image"), custom=custom))
    return Turn(
        tuple(replies),
        answer["understanding"],
        tuple(answer["actions"]),
        tuple(answer["responses"]),
        handoff,
        answer["decision"],
    )
