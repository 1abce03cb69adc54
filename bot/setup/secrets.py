"""Development secrets, made on first run into `var/secrets.env`, which git ignores. Never a default in code."""

import os
import secrets
from pathlib import Path

from dotenv import dotenv_values

from core.crypto import new_key
from core.settings import HOME

HEADER = "# Made by ./kefu up. Keep KEFU_DATA_KEY: what is stored opens with it only.\n"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else


def _password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


MAKERS = {
    "KEFU_SECRET_KEY": lambda: secrets.token_urlsafe(32),
    "KEFU_DATA_KEY": new_key,
    "KEFU_ACTION_TOKEN": lambda: secrets.token_urlsafe(32),
    "KEFU_DEMO_AGENT_PASSWORD": _password,
}


def make_secrets(var_dir: Path) -> list[str]:
    """Add the secrets that nobody gave (environment, `.env`, the file itself); returns the names made."""
    path = var_dir / "secrets.env"
    given = dotenv_values(HOME / ".env") | dotenv_values(path) | os.environ
    missing = [name for name in MAKERS if not given.get(name)]
    if missing:
        var_dir.mkdir(parents=True, exist_ok=True)
        kept = path.read_text(encoding="utf-8") if path.exists() else HEADER
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(kept + "".join(f"{name}={MAKERS[name]()}\n" for name in missing), encoding="utf-8")
        fresh.replace(path)
    return missing
