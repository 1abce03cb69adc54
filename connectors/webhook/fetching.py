"""What customers send beside words: which of it is fetched and kept, and which stays a link."""

import asyncio
from dataclasses import replace

import httpx
import orjson

from connectors.attachments import Attachments
from connectors.webhook.inbound import Heard
from connectors.webhook.sending import Media
from core.conversation.message import Attachment, Inbound

FETCH_SECONDS = 2.0  # many vendors wait three seconds for their acknowledgement


class Fetching:
    """What has an id of the vendor's is fetched with it; an address only where the mapping trusts its host.

    Nothing else is fetched: an address that a customer can choose would let them read our own network.
    """

    def __init__(self, media: Media, attachments: Attachments) -> None:
        self._hosts = frozenset(host.lower() for host in media.hosts)
        self._attachments = attachments

    async def add(self, heard: Heard) -> Inbound:
        """With the contents that could be had in time, links to the others. Never fails."""
        inbound = heard.inbound
        pairs = zip(inbound.attachments, heard.media_ids, strict=True)
        kept = await asyncio.gather(*(self._keep(attachment, media_id, inbound) for attachment, media_id in pairs))
        return replace(inbound, attachments=tuple(kept))

    async def _keep(self, attachment: Attachment, media_id: str | None, inbound: Inbound) -> Attachment:
        if media_id:
            wanted = {"media_id": media_id, "message_id": inbound.vendor_id, "kind": attachment.kind}
        elif attachment.kind not in ("link", "location") and self._trusts(attachment.url):
            wanted = {"url": attachment.url or ""}
        else:
            return attachment
        return await self._attachments.keep(attachment, orjson.dumps(wanted).decode(), FETCH_SECONDS)

    def _trusts(self, url: str | None) -> bool:
        try:
            address = httpx.URL(url or "")
        except httpx.InvalidURL:
            return False
        return address.scheme == "https" and address.host in self._hosts
