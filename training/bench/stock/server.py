"""Trains the stock project, once for each state of the data, and serves it with `rasa run`.

It learns from the first examples of each intent only: how many there were makes no difference to its speed, and with
all of them its training would take hours. How well it understands is not measured here (`bench nlu` does that).
Its actions are our own, called over HTTP at the product's action endpoint: the answers hold the same facts, and that
endpoint is faster than the server that rasa-sdk brings. What only the gateway does (knowledge search, sentiment) is not
done for it. Both count in the stock project's favour.
"""

import contextlib
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from core.errors import KefuError
from core.settings import HOME
from training.bench.load import Target
from training.bench.servers import FOLDER, LOCAL, answers, free_ports, member_id, server, without_kefu

PROJECT = Path(__file__).parent
CONFIG = PROJECT / "config.yml"
DOMAIN = HOME / "bot" / "assistant" / "domain"
INTENTS = HOME / "nlu_data" / "intents"
EXAMPLES = 15
DATA = (
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
    examples = folder / "examples.yml"
    examples.write_text(_first_examples(), encoding="utf-8")
    command: list[str | Path] = [*RASA, "train", "--config", CONFIG, "--domain", DOMAIN, "--data", *DATA, examples]
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


def _first_examples() -> str:
    """EXAMPLES utterances of each intent, as NLU YAML."""
    nlu = []
    for file in sorted(INTENTS.glob("*.yml")):
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = block["examples"].splitlines(keepends=True)[:EXAMPLES]
            nlu.append({"intent": block["intent"], "examples": "".join(lines)})
    return yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True)


def _fingerprint() -> str:
    digest = hashlib.sha256(_first_examples().encode())
    for source in (CONFIG, DOMAIN, *DATA):
        for file in [source] if source.is_file() else sorted(source.rglob("*.yml")):
            digest.update(f"{file.name}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
