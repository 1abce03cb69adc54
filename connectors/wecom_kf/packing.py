"""Messages as few calls: only five may follow on what a customer said."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.protocol import Parcel
from connectors.texts import split
from connectors.wecom_kf.sent import derived
from core.conversation.message import Message

TEXT_BYTES = 2048
HEAD_BYTES = 1024
CHOICES = 10
TITLE_BYTES = 128
BETWEEN = "\n\n"

Body = dict[str, object]


def takes_menu(message: Message) -> bool:
    """Whether WeCom's menu can show the buttons; otherwise they are a numbered list."""
    titles = [button.title for button in message.buttons]
    return 1 <= len(titles) <= CHOICES and all(1 <= len(title.encode()) <= TITLE_BYTES for title in titles)


@dataclass
class Packing:
    """Parcels so far, and a text that the next one of the same turn may join."""

    parcels: list[Parcel] = field(default_factory=list)
    _text: str = ""
    _ids: list[str] = field(default_factory=list)
    _turn: str | None = None

    def say(self, text: str, message: Message, room: int = TEXT_BYTES) -> None:
        """`room`: how many bytes the last piece may have."""
        joined = self._text + BETWEEN + text
        if self._text and self._turn and self._turn == message.reply_to and len(joined.encode()) <= room:
            self._text = joined
        else:
            self.close()
            *full, self._text = split(text, room)
            for piece in full:
                self._put(_text(piece), (message.id,))
        self._ids.append(message.id)
        self._turn = message.reply_to

    def offer(self, choices: Sequence[tuple[str, str]], message: Message) -> None:
        """Buttons, as (id, title), under the text that is open."""
        ids = tuple(dict.fromkeys([*self._ids, message.id]))
        clicks = [{"type": "click", "click": {"id": name, "content": title}} for name, title in choices]
        menu: Body = {"list": clicks} | ({"head_content": self._text} if self._text else {})
        self._text, self._ids = "", []
        self._put({"msgtype": "msgmenu", "msgmenu": menu}, ids)

    def put(self, body: Body, message: Message) -> None:
        self.close()
        self._put(body, (message.id,))

    def close(self) -> None:
        if self._text.strip():
            self._put(_text(self._text), tuple(dict.fromkeys(self._ids)))
        self._text, self._ids = "", []

    def _put(self, body: Body, ids: tuple[str, ...]) -> None:
        place = sum(ids[0] in parcel.message_ids for parcel in self.parcels)
        self.parcels.append(Parcel({"msgid": derived(*ids, str(place))} | body, ids))


def _text(content: str) -> Body:
    return {"msgtype": "text", "text": {"content": content}}
