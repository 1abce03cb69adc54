"""Customers in a form: what each says step by step, what has to come in answer, and the mark that is in their words."""

import re
import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

import yaml

from core.settings import HOME
from training.bench.shop import Shopper

Form = Literal["invoice", "return", "address", "ticket"]

MARK = re.compile(r"K[A-I]{5}\d{4}X|KF\d{12}|张江路\d+号\d\d栋\d{3}室")
RUN_DIGITS = 5
_RESPONSES = HOME / "bot" / "assistant" / "domain" / "responses" / "forms.yml"
_PLACEHOLDER = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Step:
    """`response` names what has to come in answer to `text`."""

    text: str
    response: str


@dataclass(frozen=True)
class Person:
    """Somebody of their own. `mark`, or in an address `door`, is in what they say and in what nobody else does; so is
    the number of their order. `run` is five digits from 1 to 9: the product's databases stay from run to run.

    A `shopper` is a member of the shop; `ticket` is the form of whoever is none.
    """

    run: str
    number: int
    form: Form
    shopper: Shopper | None
    phone: str

    @property
    def mark(self) -> str:
        letters = "".join(chr(ord("A") + int(digit) - 1) for digit in self.run)
        return f"K{letters}{self.number:04}X"

    @property
    def door(self) -> str:
        return f"张江路{self.number + 1}号{self.run[:2]}栋{self.run[2:]}室"

    @property
    def marks(self) -> set[str]:
        return {self.mark, self.door, *((self.shopper.order, *self.shopper.others) if self.shopper else ())}

    @property
    def union_id(self) -> str:
        return f"union-{self.mark}"

    @property
    def member_id(self) -> str:
        assert self.shopper is not None
        return self.shopper.member_id

    @property
    def steps(self) -> tuple[Step, ...]:
        """The whole form; each step but the first answers the question of the one before."""
        order = self.shopper.order if self.shopper else ""
        confirm = "确认"
        match self.form:
            case "invoice":
                return (
                    Step(f"给订单{order}开发票", "utter_ask_invoice_form_invoice_title"),
                    Step(f"{self.mark}科技有限公司", "utter_invoice_requested"),
                )
            case "return":
                return (
                    Step(f"我要退货，订单{order}", "utter_ask_return_form_return_reason"),
                    Step(f"质量问题，线头太多了{self.mark}", "utter_ask_return_form_confirm"),
                    Step(confirm, "utter_return_submitted"),
                )
            case "address":
                return (
                    Step(f"订单{order}改收货地址", "utter_ask_address_form_new_address"),
                    Step(f"上海市浦东新区{self.door}", "utter_ask_address_form_confirm"),
                    Step(confirm, "utter_address_changed"),
                )
            case "ticket":
                return (
                    Step("我要留言", "utter_ask_ticket_form_ticket_body"),
                    Step(f"取件码一直没有收到，麻烦看一下{self.mark}", "utter_ticket_created"),
                )


def new_run() -> str:
    """Another one every second, for hours."""
    seconds, digits = int(time.time()), ""
    for _ in range(RUN_DIGITS):
        seconds, digit = divmod(seconds, 9)
        digits += str(digit + 1)
    return digits


@cache
def wording(response: str) -> re.Pattern[str]:
    """Finds any wording of a response in what a customer sees."""
    responses = yaml.safe_load(_RESPONSES.read_text(encoding="utf-8"))["responses"]
    texts = [variant["text"] for variant in responses[response]]
    return re.compile("|".join(".+?".join(map(re.escape, _PLACEHOLDER.split(text))) for text in texts), re.DOTALL)
