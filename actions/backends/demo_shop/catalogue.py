"""The data files of the demo shop, read once: products, places, carriers, levels and the hand-shaped members."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    category: str
    price: Decimal
    returnable: bool


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
            entry["sku"], entry["name"], category, Decimal(entry["price"]), entry.get("returnable", True)
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
    return tuple(Level(**entry) for entry in _load("people")["levels"])


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


def _load(name: str) -> Any:
    return yaml.load((DATA / f"{name}.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
