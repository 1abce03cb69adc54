"""The data files of the demo shop, read once: products, places, carriers, levels and the hand-shaped members."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from actions.backends.aftersales import Variant

_STOCK = 20
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    category: str
    price: Decimal
    """What orders were paid at."""
    now: Decimal
    """What it costs today."""
    returnable: bool
    warranty: int | None
    """Months; None: no repair service."""
    variants: tuple[Variant, ...]
    """Itself first, then its other colours and sizes."""


@dataclass(frozen=True)
class Place:
    city: str
    province: str
    at: tuple[float, float]  # latitude, longitude in degrees
    hub: str
    warehouse: bool
    districts: dict[str, str]  # district: a road there


@dataclass(frozen=True)
class Level:
    name: str
    growth: int
    share: float
    vip: bool
    benefits: tuple[str, ...]


@dataclass(frozen=True)
class Carrier:
    name: str
    prefix: str
    digits: int
    speed: float  # km/h from hub to hub, stops included


@cache
def products() -> dict[str, Product]:
    return {
        entry["sku"]: Product(
            sku=entry["sku"],
            name=entry["name"],
            category=category,
            price=Decimal(entry["price"]),
            now=Decimal(entry.get("now", entry["price"])),
            returnable=entry.get("returnable", True),
            warranty=entry.get("warranty"),
            variants=_variants(entry),
        )
        for category, entries in _load("products").items()
        for entry in entries
    }


@cache
def places() -> dict[str, Place]:
    return {
        entry["city"]: Place(
            entry["city"],
            entry["province"],
            (entry["at"][0], entry["at"][1]),
            entry["hub"],
            entry.get("warehouse", False),
            entry["districts"],
        )
        for entry in _load("places")
    }


@cache
def levels() -> tuple[Level, ...]:
    return tuple(Level(**{**entry, "benefits": tuple(entry["benefits"])}) for entry in _load("people")["levels"])


@cache
def carriers() -> dict[str, Carrier]:
    return {entry["name"]: Carrier(**entry) for entry in _load("people")["carriers"]}


@cache
def people() -> dict[str, Any]:
    found: dict[str, Any] = _load("people")
    return found


@cache
def heroes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _load("heroes")
    return found


def level_at(growth: int) -> tuple[Level, Level | None]:
    """The level this growth has reached, and the one after it."""
    reached = [level for level in levels() if level.growth <= growth]
    following = levels()[len(reached) :]
    return reached[-1], following[0] if following else None


def _variants(entry: dict[str, Any]) -> tuple[Variant, ...]:
    """The others differ in what their entry names; their names are the product's with that exchanged."""
    own = Variant(entry["sku"], entry["name"], entry.get("stock", _STOCK), entry.get("color"), entry.get("size"))
    found = [own]
    for index, other in enumerate(entry.get("variants", ()), start=1):
        color, size = other.get("color", own.color), other.get("size", own.size)
        name = own.name
        for mine, theirs in ((own.color, color), (own.size, size)):
            name = name.replace(mine, theirs) if mine and theirs else name
        found.append(Variant(f"{own.sku}-{index}", name, other["stock"], color, size))
    return tuple(found)


def _load(name: str) -> Any:
    return yaml.load((DATA / f"{name}.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
