"""`./kefu channels …`: read a channels file as the app would, and try a mapping on a push that somebody captured."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bot import vendors
from connectors.bodies import Malformed
from connectors.webhook.inbound import hear, pushed
from connectors.webhook.pushes import Push, opened
from core.errors import InvalidInput

console = Console(highlight=False)


def check(path: Path, payload: Path | None, channel: str | None) -> None:
    """Raises SettingsError for a file that is wrong, InvalidInput and Malformed for a push that is."""
    found = vendors.read(path)
    for name, settings in found.items():
        console.print(f"[green]✓[/green] {name} ({settings.kind}): 回调地址 · enter at the vendor: …{_callback(name)}")
    if payload is None:
        return
    mapped = {name: one for name, one in found.items() if isinstance(one, vendors.Webhook)}
    name = channel or "".join(mapped)  # the only one, if there is only one
    if name not in mapped:
        raise InvalidInput(f"say whose push it is: --channel, one of {', '.join(mapped) or 'none of kind webhook'}")
    console.print(f"{payload.name} 在 {name} 里读作 · is read as (signatures are not checked here):")
    for line in _read(name, mapped[name], payload.read_bytes()):
        console.print(line, markup=False)


def _callback(name: str) -> str:
    return f"/channels/{name}/callback"


def _read(name: str, settings: vendors.Webhook, content: bytes) -> Iterator[str | dict[str, object]]:
    mapping, secrets = settings.mapping, settings.plain_secrets
    push = opened(Push(content, {}, {}), mapping.model_copy(update={"decrypt": None}), secrets)
    if mapping.decrypt and mapping.decrypt.at.text(push.body):  # a vendor's log shows what it encrypts in clear
        push = opened(push, mapping, secrets)
    challenge = mapping.challenge
    if challenge and challenge.method == "POST" and challenge.when and challenge.when.holds(push.body):
        yield "地址验证 · the check of our address"
        return
    for message in pushed(mapping, push):
        try:
            heard = hear(name, mapping, message)
        except Malformed as error:
            yield f"收不下 · cannot be taken: {error.message}"
            continue
        yield _shown(asdict(heard.inbound)) if heard else "忽略 · ignored: no `when` of `receive` holds"


def _shown(inbound: dict[str, object]) -> dict[str, object]:
    """What the push says; not when it was read, nor what is empty."""
    return {
        name: value for name, value in inbound.items() if value not in (None, (), {}, False) and name != "received_at"
    }
