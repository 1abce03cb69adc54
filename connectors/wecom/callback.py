"""What WeCom pushes to us: always signed and encrypted, as XML in XML."""

import time
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from connectors.wechat import replies
from connectors.wechat.crypto import Envelope, Signature, Stamp
from connectors.wechat.pushes import Push, parse
from connectors.wecom.settings import CallbackSettings

Text = Annotated[str, Query(max_length=4096)]


class Callback:
    """Verifies and opens pushes to one address of ours."""

    def __init__(self, settings: CallbackSettings) -> None:
        self._signature = Signature(settings.token.get_secret_value(), settings.max_skew_seconds)
        self._envelope = Envelope(settings.aes_key.get_secret_value(), settings.corp_id)

    def echo(self, stamp: Stamp, sealed: str) -> bytes:
        """What the check of our address wants to read. Raises Unauthorized or Malformed."""
        self._signature.check(stamp, sealed)
        return self._envelope.open(sealed)

    def open(self, stamp: Stamp, body: bytes) -> Push:
        """What a push says. Raises Unauthorized or Malformed."""
        sealed = parse(body).get("Encrypt")
        self._signature.check(stamp, sealed)
        return parse(self._envelope.open(sealed))

    def reply(self, push: Push, text: str) -> Response:
        """An answer to the push itself (被动回复): one text to whoever sent it."""
        content = replies.render(replies.text(push, text, time.time()), push.format)
        sealed = replies.seal(content, push.format, self._envelope, self._signature)
        return Response(sealed, media_type="application/xml")


async def stamp(msg_signature: Text, timestamp: Text, nonce: Text) -> Stamp:
    """What stands in the address of every request from WeCom."""
    return Stamp(msg_signature, timestamp, nonce)
