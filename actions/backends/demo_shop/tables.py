"""The demo shop's own tables, apart from the bot's: in real life they belong to somebody else's system.

Money is integer fen. Points entries that earn keep in `remaining` what of them is still unspent.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from core.storage.types import UtcDateTime

metadata = MetaData()

_RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only

members = Table(
    "members",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("phone", String(16), nullable=False),
    Column("email", String(64), nullable=False),
    Column("growth", Integer, nullable=False),  # decides the level
    Column("joined_at", UtcDateTime(), nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False),
    Column("status", String(24), nullable=False),
    Column("amount_fen", Integer, nullable=False),  # paid: goods + postage - coupon - points
    Column("postage_fen", Integer, nullable=False),
    Column("coupon_fen", Integer, nullable=False),
    Column("points_fen", Integer, nullable=False),
    Column("payment", String(16), nullable=False),
    Column("receiver", String(32), nullable=False),
    Column("phone", String(16), nullable=False),
    Column("address", String(256), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("paid_at", UtcDateTime()),
    Column("shipped_at", UtcDateTime()),
    Column("delivered_at", UtcDateTime()),
    Column("urged_at", UtcDateTime()),
    Column("carrier", String(16)),
    Column("tracking_number", String(32)),
    Column("eta", Date),
    Column("invoice_title", String(128)),
    Column("invoice_requested_at", UtcDateTime()),
    Index("ix_orders_member_created", "member_id", "created_at"),
)

order_items = Table(
    "order_items",
    metadata,
    Column("order_number", String(32), ForeignKey("orders.number"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("sku", String(16), nullable=False),
    Column("name", String(128), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_fen", Integer, nullable=False),
    Column("returnable", Boolean, nullable=False),
)

track_points = Table(
    "track_points",
    metadata,
    Column("order_number", String(32), ForeignKey("orders.number"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime(), nullable=False),
    Column("city", String(16), nullable=False),
    Column("status", String(24), nullable=False),
    Column("text", String(128), nullable=False),
)

returns = Table(
    "returns",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("order_number", String(32), ForeignKey("orders.number"), nullable=False, index=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(256), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
    Column("amount_fen", Integer, nullable=False),
    Column("method", String(16), nullable=False),
    Column("expected_on", Date),
    Column("refunded_at", UtcDateTime()),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("order_number", String(32), ForeignKey("orders.number"), nullable=False, index=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False, index=True),
    Column("name", String(128), nullable=False),
    Column("wanted_name", String(128), nullable=False),
    Column("reason", String(256), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
    Column("carrier", String(16)),
    Column("tracking_number", String(32)),
)

repairs = Table(
    "repairs",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("order_number", String(32), ForeignKey("orders.number"), nullable=False, index=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False, index=True),
    Column("name", String(128), nullable=False),
    Column("fault", String(256), nullable=False),
    Column("status", String(16), nullable=False),
    Column("free", Boolean, nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
    Column("pickup_on", Date),
)

# The key makes a claim possible once an order.
price_claims = Table(
    "price_claims",
    metadata,
    Column("order_number", String(32), ForeignKey("orders.number"), primary_key=True),
    Column("amount_fen", Integer, nullable=False),
    Column("claimed_at", UtcDateTime(), nullable=False),
)

points_entries = Table(
    "points_entries",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False, index=True),
    Column("at", UtcDateTime(), nullable=False),
    Column("amount", Integer, nullable=False),  # negative: spent
    Column("remaining", Integer, nullable=False),  # 0 for what is spent
    Column("reason", String(64), nullable=False),
    Column("expires_on", Date),  # last good day of what was earned
)

coupons = Table(
    "coupons",
    metadata,
    Column("code", String(24), primary_key=True),
    Column("member_id", String(16), ForeignKey("members.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("value_fen", Integer, nullable=False),
    Column("minimum_fen", Integer, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date, nullable=False),
    Column("used_at", UtcDateTime()),
    Column("order_number", String(32), ForeignKey("orders.number")),  # that it was used for
)

# One row for every effect that took place, with what was answered: a repeat is answered from here.
done = Table(
    "done",
    metadata,
    Column("member_id", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request", Text, nullable=False),
    Column("result", Text),
    Column("at", UtcDateTime(), nullable=False),
)

# One row: which seed made the data, and the day all its dates are counted from.
seeds = Table(
    "seeds",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("anchor", Date, nullable=False),
)
