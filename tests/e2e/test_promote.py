"""`./kefu promote` and `./kefu rollback` under load: traffic moves between two assistants, and no turn fails."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import control, services
from bot.model_switch import Active, active, announce
from bot.move import Mover
from bot.supervisor import Supervisor
from core.errors import Unavailable
from core.settings import HOME
from tests.e2e.product import Product
from training.evaluation import evaluation_of
from training.registry import Registry, Version
from training.sources import Sources
from training.train import trained

CUSTOMERS = 4
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def product(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The trained version twice, under two names; the first one serves."""
    folder = Path(os.path.realpath("/tmp")) / f"kefu-move-{os.getpid()}"  # a socket's path must be short
    product = Product(folder)
    product.prepare()
    real, models = Version(trained(product.settings).folder.resolve()), folder / "models"
    evaluation = evaluation_of(product.settings, real)
    models.unlink()
    models.mkdir()
    (models / "encoder").symlink_to(HOME / "var" / "models" / "encoder")
    registry = Registry(product.settings)

    def copy(target: Path) -> Mapping[str, Any]:
        shutil.copytree(real.folder, target, dirs_exist_ok=True)
        (target / "manifest.json").unlink()
        return real.manifest

    for fingerprint in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        version = registry.add(fingerprint, copy)
        evaluation.save(registry, version, Sources(product.settings).held_out_fingerprint())
    (folder / "serving.json").unlink()
    registry.point_to(registry.versions()[0], "first")
    yield product
    product.stop()
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def up(product: Product) -> AsyncIterator[Supervisor]:
    """As `./kefu up` runs it, without the set-up."""
    settings = product.settings
    serving = Registry(settings).current()
    announce(settings, Active(serving.name, settings.assistant_url))
    parts = [services.stores(settings), services.assistant(settings, serving.assistant), product.app()]
    supervisor = Supervisor(parts, var_dir=settings.var_dir, cwd=HOME, announce=lambda text: None)
    await supervisor.start()
    watching = asyncio.create_task(supervisor.watch())
    try:
        async with control.listening(settings, {"move": Mover(settings, supervisor).move}):
            yield supervisor
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await supervisor.stop()


@dataclass
class Customers:
    """Talk over REST until told to stop; a turn that is not answered with something is kept in `failed`."""

    url: str
    answered: int = 0
    failed: list[Any] = field(default_factory=list)
    stopped: bool = False

    async def talk(self, number: int) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False) as http:
            while not self.stopped:
                body = {"sender": f"customer-{number}", "message": "你好"}
                answer = await http.post("/webhooks/rest/webhook", json=body)
                if answer.status_code == 200 and any(reply.get("text") for reply in answer.json()):
                    self.answered += 1
                else:
                    self.failed.append((answer.status_code, answer.text))


async def kefu(product: Product, *arguments: str) -> str:
    """A command of another process, which must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", *arguments, cwd=HOME, env={**os.environ, **product.values},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def model_of(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return str((await http.get(f"{url}/webhooks/kefu/health")).json()["model"])


async def test_traffic_moves_and_moves_back_and_no_turn_fails(product: Product) -> None:
    registry = Registry(product.settings)
    old, new = registry.current(), registry.versions()[1]
    bad = registry.add("cccccccccccc", lambda folder: broken(folder, old))
    async with up(product):
        customers = Customers(product.url)
        talking = [asyncio.create_task(customers.talk(number)) for number in range(CUSTOMERS)]
        await asyncio.sleep(1)

        # One that does not come up changes nothing.
        with pytest.raises(control.Refused, match="assistant-beside ended with code"):
            await asyncio.to_thread(
                control.give, product.settings, "move", lambda text: None, version=bad.name, why="promoted", details={}
            )
        assert registry.current().name == active(product.settings).version == old.name

        for order, expected in ((["promote", new.name], new), (["rollback"], old)):
            before, address = customers.answered, active(product.settings).url
            await kefu(product, *order)
            assert active(product.settings).version == registry.current().name == expected.name
            assert active(product.settings).url != address
            with pytest.raises(httpx.ConnectError):
                await model_of(address)
            during = customers.answered
            assert during > before, "the customers were served meanwhile"
            while customers.answered < during + 2 * CUSTOMERS:
                await asyncio.sleep(0.1)
        customers.stopped = True
        await asyncio.gather(*talking)
        assert customers.failed == []
    assert [entry["what"] for entry in registry.history()] == ["first", "first", "promoted", "rolled back"]
    with pytest.raises(Unavailable):
        control.give(product.settings, "move", lambda text: None)
    assert json.loads((product.settings.var_dir / "serving.json").read_text())["current"] == old.name


def broken(folder: Path, whole: Version) -> Mapping[str, Any]:
    (folder / "assistant.tar.gz").write_bytes(b"no model")
    shutil.copytree(whole.sentiment, folder / "sentiment")
    return whole.manifest
