"""WeCom's tests live in the world of the connectors' contract."""

from tests.contracts.connectors.conftest import world

__all__ = ["world"]
