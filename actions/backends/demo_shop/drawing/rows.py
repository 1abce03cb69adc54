"""What the drawing produces: rows by table name, as they are inserted."""

from typing import Any

Rows = dict[str, list[dict[str, Any]]]
