"""Trains the stock project, once for each state of the data, and serves it with `rasa run`.

Its actions are our own, called over HTTP at the product's action endpoint: the answers hold the same facts, and that
endpoint is faster than the server that rasa-sdk brings. What only the gateway does (knowledge search, sentiment) is not
done for it. Both count in the stock project's favour.
"""

import contextlib
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from core.errors import KefuError
from core.settings import HOME
from training.bench.load import Target
from training.bench.servers import FOLDER, LOCAL, answers, free_ports, member_id, server, without_kefu
from training.sources import write_knowledge_examples

PROJECT = Path(__file__).parent
CONFIG = PROJECT / "config.yml"
DOMAIN = HOME / "bot" / "assistant" / "domain"
KNOWLEDGE = HOME / "nlu_data" / "knowledge"
DATA = (
    HOME / "nlu_data" / "intents",
    HOME / "nlu_data" / "lookups",
    HOME / "nlu_data" / "patterns.yml",
    HOME / "bot" / "assistant" / "dialogues",
)
RASA = (HOME / ".venv-assistant" / "bin" / "python", "-m", "rasa")


class StockNotTrained(KefuError):
    """`rasa train` failed; the message names its log."""

    code = "stock_not_trained"


def trained() -> Path:
    """The model for the data as it is now. Takes some minutes when there is none. Raises StockNotTrained."""
    folder = FOLDER / "stock"
    model = folder / f"{_fingerprint()}.tar.gz"
    if model.exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    knowledge = folder / "knowledge_nlu.yml"
    write_knowledge_examples(KNOWLEDGE, knowledge)
    command: list[str | Path] = [*RASA, "train", "--config", CONFIG, "--domain", DOMAIN, "--data", *DATA, knowledge]
    command += ["--out", folder, "--fixed-model-name", model.name.removesuffix(".tar.gz")]
    log = folder / "train.log"
    with log.open("wb") as output:
        done = subprocess.run(
            command, cwd=folder, env=_environment(), stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not model.exists():
        raise StockNotTrained(f"the stock project could not be trained; see {log}")
    return model


@contextlib.contextmanager
def stock(model: Path, action_url: str, action_token: str) -> Iterator[Target]:
    """`rasa run` on a free port, each customer the same member of the demo shop as with the product."""
    (port,) = free_ports(1)
    command: list[str | Path] = [*RASA, "run", "--model", model, "--interface", LOCAL, "--port", str(port)]
    command += ["--endpoints", PROJECT / "endpoints.yml", "--credentials", PROJECT / "credentials.yml"]
    environment = {**_environment(), "STOCK_ACTION_URL": action_url, "STOCK_ACTION_TOKEN": action_token}
    url = f"http://{LOCAL}:{port}"
    with server("stock", command, environment, lambda: answers(f"{url}/webhooks/rest/")):
        yield Target("stock Rasa", url, lambda client: {"member_id": member_id(client)})


def _environment() -> dict[str, str]:
    return {
        **without_kefu(),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for source in (CONFIG, DOMAIN, KNOWLEDGE, *DATA):
        for file in [source] if source.is_file() else sorted(source.rglob("*.yml")):
            digest.update(f"{file.name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
