"""A WeChat account for benches: the fake of its server in this process, and customers who write to the product."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
import uvicorn
import yaml

from connectors.fakes.wechat import create
from connectors.fakes.wechat_pushes import Pushes
from connectors.fakes.wechat_rules import Platform
from connectors.wechat.replies import render
from connectors.wechat.settings import WechatSettings
from training.bench.servers import FOLDER, LOCAL, Product, free_ports, product

NAME = "wechat"
KEYS = {
    "app_id": "wxbench0000000000",
    "app_secret": "bench-secret-bench-secret-bench-",
    "token": "bench-token",
    "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}


@dataclass(frozen=True)
class Wechat:
    """`product` takes its pushes; its API is `platform`, once `serving`."""

    product: Product
    account: WechatSettings
    port: int


@contextlib.contextmanager
def product_with_wechat() -> Iterator[Wechat]:
    (port,) = free_ports(1)
    values = KEYS | {"api_url": f"http://{LOCAL}:{port}"}
    channels = FOLDER / "channels.yml"
    _write(channels, {NAME: {"kind": "wechat"} | values})
    with product(channels=channels) as ours:
        yield Wechat(ours, WechatSettings.model_validate(values), port)


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@contextlib.asynccontextmanager
async def serving(wechat: Wechat) -> AsyncIterator[Platform]:
    """WeChat's server, as long as the block runs."""
    platform = Platform(wechat.account)
    server = uvicorn.Server(uvicorn.Config(create(platform), LOCAL, wechat.port, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield platform
    finally:
        server.should_exit = True
        await task


class Customers:
    """Push what customers write. aiohttp: the customers share the machine with what they measure."""

    def __init__(self, wechat: Wechat, platform: Platform, session: aiohttp.ClientSession) -> None:
        self._url = f"{wechat.product.target.url}/channels/{NAME}/callback"
        self._platform = platform
        self._session = session
        self._pushes = Pushes(platform, self._url, None)  # type: ignore[arg-type]  # only makes the requests here

    async def write(self, open_id: str, text: str) -> bool:
        """One push, without WeChat's retries; whether it was acknowledged. A passive answer goes to the phone."""
        self._platform.wrote(open_id)
        fields = self._pushes.fields(open_id, "text", Content=text)
        request = self._pushes.request(render(fields, "xml"))
        async with self._session.post(
            self._url, params=request.query, data=request.body, headers={"Content-Type": "text/xml"}
        ) as response:
            content = await response.read()
            answer = httpx.Response(response.status, content=content)
        self._pushes.show(open_id, answer)
        return answer.is_success
