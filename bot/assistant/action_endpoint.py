"""The way to the action server: connections stay open between calls. Rasa's own endpoint opens one for each action."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import ujson
from rasa.utils.endpoints import ClientResponseError, EndpointConfig


class PooledEndpoint(EndpointConfig):
    """As configured in endpoints.yml under `action_endpoint`, there with `timeout_seconds` for one action."""

    @classmethod
    def of(cls, endpoint: EndpointConfig) -> PooledEndpoint:
        return cls(
            endpoint.url,
            endpoint.params,
            endpoint.headers,
            endpoint.basic_auth,
            endpoint.token,
            endpoint.token_name,
            **endpoint.kwargs,
        )

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The answer's JSON. Raises ClientResponseError for a status of 400 and above, aiohttp.ClientError when the
        server cannot be reached in time."""
        body = ujson.dumps(kwargs["json"], ensure_ascii=False).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        try:
            async with self._pool().request(
                method, self.url, data=body, headers=headers, params=self.combine_parameters()
            ) as response:
                content = await response.read()
        except asyncio.TimeoutError as error:
            raise aiohttp.ServerTimeoutError(f"{self.url} did not answer in time") from error
        if response.status >= 400:
            raise ClientResponseError(response.status, response.reason or "", content.decode())
        return ujson.loads(content)

    def _pool(self) -> aiohttp.ClientSession:
        # Made at the first call, inside the server's event loop.
        if not hasattr(self, "_session"):
            timeout = aiohttp.ClientTimeout(total=float(self.kwargs["timeout_seconds"]))
            # Shorter than a server keeps an idle connection open (uvicorn: 5 s): never write into one it is closing.
            connector = aiohttp.TCPConnector(keepalive_timeout=3)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self._session

    async def close(self) -> None:
        if hasattr(self, "_session"):
            await self._session.close()
