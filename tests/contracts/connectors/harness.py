"""What the contract suite needs of a channel: a small harness that plays its vendor and its customers.

A harness wires the real adapter to the real intake, delivery and stores of a `World`, and to a fake of its vendor. The
suite then only says what happens (a customer writes, a signature is wrong, the vendor is down) and looks at both ends:
what was stored, and what the customer's phone shows. A new channel writes a harness and adds it to `HARNESSES` in
`conftest.py`.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import httpx

Flaw = Literal["wrong_signature", "unsigned", "tampered", "stale", "future"]
"""What is wrong with a push. `tampered`: signed, then changed. `stale`, `future`: signed, ten minutes off the clock."""

Trait = Literal["checks_url", "image_in", "voice_in", "image_out", "buttons", "allowance", "own_ids", "fetched"]
"""What a channel can do at all. `checks_url`: the vendor has the address confirmed first. `allowance`: the vendor
counts what we may send. `own_ids`: the customer's end drops a repeated message id, so nothing shows twice after a
crash. `fetched`: there is no vendor between: the customer's own page or app asks for what is new, and is told why a
message is not taken (`fetching.py`)."""

State = Literal["up", "down", "busy", "blocked"]
"""How the vendor answers what we send: `down` not at all, `busy` with its rate limit, `blocked`: this customer wants
nothing from us any more."""

_numbers = itertools.count(23_000_000_000_000_001)


@dataclass(frozen=True)
class Said:
    """One message of a customer. The same `id` again is a repeat. `sender` is the vendor's id of the customer."""

    text: str = ""
    sender: str = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
    id: str = field(default_factory=lambda: str(next(_numbers)))
    image: bytes | None = None
    voice: bytes | None = None


@dataclass(frozen=True)
class Shown:
    """One message as the customer's phone shows it."""

    text: str = ""
    buttons: tuple[str, ...] = ()
    image: bytes | None = None


class Harness(Protocol):
    """One channel with a vendor that is a fake. Opened in a `World`, closed by its context manager."""

    channel: str
    """As in `Inbound.channel`."""
    traits: frozenset[Trait]
    flaws: frozenset[Flaw]
    """What the vendor's way of signing lets us see."""
    text_bytes: int | None
    """The longest text the vendor takes, in UTF-8 bytes."""

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        """Have the vendor push what a customer said; our answer to it. One request, without the vendor's retries."""
        ...

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        """Push these bytes as they are, or `sealed` as the vendor would sign and encrypt them."""
        ...

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        """The vendor's check of our address, and what it expects to read. Only with the trait `checks_url`."""
        ...

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        """Bodies of this vendor's own format that are malformed or mean harm, each with a name."""
        ...

    async def shown(self, sender: str) -> list[Shown]:
        """What the customer has got so far, in order, whichever way it came."""
        ...

    def set_state(self, state: State) -> None:
        """From now on the vendor answers our calls like this; pushes still come."""
        ...
