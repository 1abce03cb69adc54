"""Parcels of the demo shop."""

from sqlalchemy import select

from actions.backends.demo_shop.lookup import THIS_ORDER
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import orders, track_points
from actions.backends.orders import Shipment, ShipmentStatus, TrackPoint
from actions.backends.refusals import NotAllowed, Refusal, no_such_order

_TRACK = (
    select(
        orders.c.carrier,
        orders.c.tracking_number,
        orders.c.eta,
        track_points.c.at,
        track_points.c.city,
        track_points.c.status,
        track_points.c.text,
    )
    .join(track_points, isouter=True)
    .where(THIS_ORDER)
    .order_by(track_points.c.seq.desc())
)


class DemoLogistics:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def track(self, member_id: str, order_number: str) -> Shipment:
        async with self._store.read() as conn:
            rows = (await conn.execute(_TRACK, {"member_id": member_id, "number": order_number})).all()
        if not rows:
            raise no_such_order()
        first = rows[0]
        if first.tracking_number is None:
            raise NotAllowed(Refusal.NOT_SHIPPED)
        points = tuple(TrackPoint(row.at, row.city, row.text) for row in rows if row.at is not None)
        status = ShipmentStatus(first.status) if points else ShipmentStatus.PICKED_UP
        return Shipment(order_number, first.carrier, first.tracking_number, status, points, first.eta)
