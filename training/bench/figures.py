"""A bench's figures, as a table or as JSON."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def show(title: str, figures: "DataclassInstance", *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table("", "", title=title, show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)
