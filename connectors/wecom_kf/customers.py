"""Who customers are elsewhere: their unionid, asked of WeCom once a day."""

from collections.abc import Collection

import structlog
from redis.asyncio import Redis

from connectors.protocol import DeliveryFailed
from connectors.wecom.client import WeComClient
from connectors.wecom_kf.inbound import account_of
from core.bus import PREFIX
from core.conversation.message import Proof

AT_ONCE = 100
KEEP_SECONDS = 24 * 3600

logger = structlog.get_logger()


class Customers:
    def __init__(self, client: WeComClient, redis: Redis) -> None:
        self._client = client
        self._redis = redis

    async def proofs(self, senders: Collection[str]) -> dict[str, tuple[Proof, ...]]:
        """By sender. Those that WeCom does not know or say are left out. Raises Redis' errors."""
        ids = {sender: account_of(sender)[1] for sender in senders}
        customers = sorted(set(ids.values()))
        if not customers:
            return {}
        stored = await self._redis.mget([_key(customer) for customer in customers])
        known = {c: value.decode() for c, value in zip(customers, stored, strict=True) if isinstance(value, bytes)}
        unknown = [customer for customer in customers if customer not in known]
        for start in range(0, len(unknown), AT_ONCE):
            known |= await self._ask(unknown[start : start + AT_ONCE])
        return {sender: (Proof("unionid", known[c]),) for sender, c in ids.items() if known.get(c)}

    async def _ask(self, customers: list[str]) -> dict[str, str]:
        try:
            answer = await self._client.call("kf/customer/batchget", {"external_userid_list": customers})
        except DeliveryFailed as error:
            logger.warning("unionids are not known", error=error.message)
            return {}
        listed = [c for c in answer.get("customer_list", ()) if isinstance(c, dict)]
        found = {str(c.get("external_userid")): str(c.get("unionid") or "") for c in listed}
        pipeline = self._redis.pipeline(transaction=False)
        for customer in customers:
            pipeline.set(_key(customer), found.get(customer, ""), ex=KEEP_SECONDS)
        await pipeline.execute()
        return found


def _key(customer: str) -> str:
    return f"{PREFIX}wecom_kf:unionid:{customer}"
