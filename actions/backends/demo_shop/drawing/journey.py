"""The way of a made-up parcel through real cities: pure, drawn from the random source it is given."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import asin, cos, radians, sin, sqrt

from actions.backends.demo_shop.catalogue import Carrier, Place, places
from actions.backends.demo_shop.rules import SHANGHAI
from actions.backends.orders import ShipmentStatus

_EARTH_KM = 6371.0
_SIGNERS = ("本人", "家人", "前台", "小区驿站", "丰巢柜")


@dataclass(frozen=True)
class Step:
    at: datetime
    city: str
    status: ShipmentStatus
    text: str


@dataclass(frozen=True)
class Journey:
    shipped_at: datetime
    delivered_at: datetime
    eta: date
    steps: tuple[Step, ...]  # oldest first, from pick-up to signature

    @property
    def departed_at(self) -> datetime:
        return next(step.at for step in self.steps if step.status is ShipmentStatus.IN_TRANSIT)


def plan(rng: random.Random, paid_at: datetime, origin: Place, destination: Place, carrier: Carrier) -> Journey:
    """Shipped within about a day of payment, sorted at the hubs on the way, brought to the door in the daytime."""
    shipped_at = _daytime(paid_at + timedelta(hours=rng.uniform(3, 22)), rng)
    now = shipped_at + timedelta(minutes=rng.randint(20, 90))
    start = f"{origin.city}营业部"
    steps = [Step(now, origin.city, ShipmentStatus.PICKED_UP, f"{carrier.name}已揽收，揽件网点：{start}")]
    stops = list(dict.fromkeys((origin.hub, destination.hub, destination.city)))
    here, here_name = origin, start
    for city in stops:
        there = places()[city]
        there_name = f"{city}转运中心"
        now += timedelta(hours=rng.uniform(3, 8) if here is origin else rng.uniform(0.8, 3.5))
        text = f"快件离开{here_name}，发往{there_name}"
        steps.append(Step(now, here.city, ShipmentStatus.IN_TRANSIT, text))
        now += timedelta(hours=0.7 + _distance_km(here, there) / carrier.speed * rng.uniform(0.9, 1.2))
        steps.append(Step(now, city, ShipmentStatus.IN_TRANSIT, f"快件到达{there_name}"))
        here, here_name = there, there_name
    now = _delivery_round(now, rng)
    text = f"{destination.city}营业部派件员正在派送，请保持电话畅通"
    steps.append(Step(now, destination.city, ShipmentStatus.OUT_FOR_DELIVERY, text))
    now += timedelta(hours=rng.uniform(0.7, 4.5))
    text = f"快件已签收，签收人：{rng.choice(_SIGNERS)}，感谢使用{carrier.name}"
    steps.append(Step(now, destination.city, ShipmentStatus.DELIVERED, text))
    return Journey(shipped_at, now, now.astimezone(SHANGHAI).date(), tuple(steps))


def _daytime(at: datetime, rng: random.Random) -> datetime:
    """The same moment, or the next morning when nobody packs at that hour."""
    local = at.astimezone(SHANGHAI)
    if 9 <= local.hour < 21:
        return local
    day = local.date() if local.hour < 9 else local.date() + timedelta(days=1)
    return datetime.combine(day, time(9, rng.randrange(60), rng.randrange(60)), SHANGHAI)


def _delivery_round(arrived: datetime, rng: random.Random) -> datetime:
    """Rounds leave at about 8 and at about 14 o'clock."""
    local = arrived.astimezone(SHANGHAI)
    day, hour = local.date(), 8 if local.hour < 7 else 14
    if local.hour >= 13:
        day, hour = day + timedelta(days=1), 8
    return datetime.combine(day, time(hour, rng.randrange(10, 59), rng.randrange(60)), SHANGHAI)


def _distance_km(a: Place, b: Place) -> float:
    lat_a, lon_a, lat_b, lon_b = (radians(value) for value in (*a.at, *b.at))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(half))
