"""The real encoder, and a knowledge base small enough to read."""

from pathlib import Path

import pytest

from core.settings import HOME
from retrieval.encoder import build as build_module
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.knowledge import Draft, Entry
from retrieval.seed import read_folder

KNOWLEDGE = Path(__file__).with_name("knowledge")


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that `./kefu up` prepared if it is of this code, else one built for this session (4 s)."""
    prepared = HOME / "var" / "models" / "encoder"
    if build_module.is_current(prepared):
        return prepared
    folder = tmp_path_factory.mktemp("models") / "encoder"
    build_module.build(folder)
    return folder


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> EmbeddedEncoder:
    return EmbeddedEncoder(encoder_folder)


@pytest.fixture(scope="session")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, as it is between restarts: the first test that needs it fills it."""
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="session")
def entries() -> list[Entry]:
    return read_folder(KNOWLEDGE)


@pytest.fixture
def draft() -> Draft:
    return Draft(
        question="会员日是哪天", similar=("几号是会员日",), answer="每月 18 日。", category="会员", owner="会员组"
    )
