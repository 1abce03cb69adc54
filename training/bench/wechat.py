"""WeChat accounts for benches: the fakes of their servers in this process, and customers who write to the product."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """`product` takes its pushes on the channel `name`; its API is `platform`, once `serving`."""

    name: str
    product: Product
    account: WechatSettings
    port: int


@contextlib.contextmanager
def product_with_wechat() -> Iterator[Wechat]:
    with product_with({NAME: {}}) as accounts:
        yield accounts[NAME]


@contextlib.contextmanager
def product_with(accounts: Mapping[str, Mapping[str, Any]], **settings: object) -> Iterator[dict[str, Wechat]]:
    """The product with several accounts, by channel; each with settings of its own beside the common ones."""
    ports = dict(zip(accounts, free_ports(len(accounts)), strict=True))
    values: dict[str, dict[str, Any]] = {
        name: KEYS | {"app_id": f"{KEYS['app_id']}{name}", "api_url": f"http://{LOCAL}:{ports[name]}", **own}
        for name, own in accounts.items()
    }
    channels = FOLDER / "channels.yml"
    _write(channels, {name: {"kind": "wechat"} | one for name, one in values.items()})
    with product(channels=channels, **settings) as ours:
        yield {
            name: Wechat(name, ours, WechatSettings.model_validate(one), ports[name]) for name, one in values.items()
        }


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
        self._url = f"{wechat.product.target.url}/channels/{wechat.name}/callback"
        self.channel = wechat.name
        self.platform = platform
        self._session = session
        self._pushes = Pushes(platform, self._url, None)  # type: ignore[arg-type]  # only makes the requests here

    async def write(self, open_id: str, text: str) -> bool:
        """One push, without WeChat's retries; whether it was acknowledged. A passive answer goes to the phone."""
        self.platform.wrote(open_id)
        fields = self._pushes.fields(open_id, "text", Content=text)
        request = self._pushes.request(render(fields, "xml"))
        async with self._session.post(
            self._url, params=request.query, data=request.body, headers={"Content-Type": "text/xml"}
        ) as response:
            content = await response.read()
            answer = httpx.Response(response.status, content=content)
        self._pushes.show(open_id, answer)
        return answer.is_success
