"""One whole product for the session, as `./kefu up` would run it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.commands.up import ensure_prepared, prepared_secrets
from tests.conftest import missing
from tests.e2e.product import Product
from training.train import train


@pytest.fixture(scope="session")
def prepared() -> None:
    """The trained models and built pages of this checkout; made where they are missing or stale. The models are of the
    data files as they are now, whatever the gate says of them."""
    settings = prepared_secrets()
    ensure_prepared(settings)
    train(settings)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A socket's path must be short, so not pytest's own folder."""
    with tempfile.TemporaryDirectory(prefix="kefu-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def kefu(prepared: None, short_folder: Path) -> Iterator[Product]:
    product = Product(short_folder / "var")
    product.prepare()
    try:
        product.start()
        yield product
    finally:
        product.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real browser."""
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    return found or missing("no Chromium: apt-get install chromium fonts-noto-cjk")
