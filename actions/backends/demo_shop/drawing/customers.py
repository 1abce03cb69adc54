"""Customers with a name, an address in a real city, and a level."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.backends.demo_shop.catalogue import Place, heroes, levels, people, places
from actions.backends.demo_shop.drawing.rows import Rows

_HIGHEST_GROWTH = 60000


@dataclass(frozen=True)
class Customer:
    id: str
    name: str
    phone: str
    place: Place
    address: str
    growth: int


def draw_customers(rng: random.Random, midnight: datetime, count: int, rows: Rows) -> list[Customer]:
    shaped = {hero["id"]: hero for hero in heroes()}
    growths = _growths(rng, count - len(shaped))
    names = {hero["name"] for hero in heroes()}
    customers = []
    for number in range(1, count + 1):
        hero = shaped.get(f"M{number:04}")
        place = places()[hero["city"]] if hero else rng.choice(list(places().values()))
        customer = Customer(
            id=f"M{number:04}",
            name=hero["name"] if hero else _new_name(rng, names),
            phone=f"1{rng.choice((38, 39, 58, 77, 86, 99))}{rng.randrange(10**8):08}",
            place=place,
            address=_address(rng, place),
            growth=hero["growth"] if hero else growths.pop(),
        )
        customers.append(customer)
        rows["members"].append(
            {
                "id": customer.id,
                "name": customer.name,
                "phone": customer.phone,
                "email": f"{customer.id.lower()}@example.com",
                "growth": customer.growth,
                "joined_at": midnight - timedelta(days=rng.randint(230, 2200), hours=rng.randint(1, 14)),
            }
        )
    return customers


def _growths(rng: random.Random, count: int) -> list[int]:
    """Each level has its share of the customers; the lowest takes what rounding leaves."""
    ladder = levels()
    tops = [level.growth for level in ladder[1:]] + [_HIGHEST_GROWTH]
    drawn: list[int] = []
    for level, top in reversed(list(zip(ladder, tops, strict=True))):
        share = count - len(drawn) if level is ladder[0] else round(level.share * count)
        drawn += [rng.randrange(level.growth, top) for _ in range(share)]
    rng.shuffle(drawn)
    return drawn


def _new_name(rng: random.Random, taken: set[str]) -> str:
    while True:
        name: str = rng.choice(people()["surnames"]) + rng.choice(people()["given"])
        if name not in taken:
            taken.add(name)
            return name


def _address(rng: random.Random, place: Place) -> str:
    district, road = rng.choice(list(place.districts.items()))
    room = rng.choice(people()["rooms"])
    return f"{place.province}{place.city}市{district}{road} {rng.randint(1, 399)} 号 {room}"
