"""Asking for an invoice: which order, made out to whom, and is that right: one that is made cannot be changed here."""

import re
from typing import ClassVar

from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import FALLBACK, FORMS, Submit
from actions.forms.order_form import OrderForm
from actions.turn import Turn
from actions.wording import money

PERSONAL = "个人"
_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_NO_INVOICE = {OrderStatus.PENDING_PAYMENT, *_CLOSED}
_TITLE_INTENTS = {"inform", "request_invoice", "affirm", FALLBACK}
_LABELLED = re.compile(r"抬头(?:写|是|为|开)?[:：\s]*([^\s,，。;；]{2,60})")
_COMPANY = re.compile(r"([\w()（）·]{2,50}(?:公司|厂|事务所|工作室|商行|贸易|超市|医院|学校|大学|中心|协会|合作社))")
_LEAD_IN = re.compile(r"^.*?(?:开给|开成|开到|写给|写成|抬头[写是为开]?|(?:公司|单位)?名称?[写是叫])")
_NO_NAME = re.compile(
    r"(?:另外|还有|[我你咱他]们?|贵|[这那][家个]|写|是|开|给|要|的)*(?:公司|单位|企业|厂|学校|大学|医院|中心|超市)"
)
"""我们公司, 另外公司: no firm is called so."""


def read_title(text: str) -> str | None:
    """Whom the invoice is made out to: 个人, or a company's name."""
    if re.search(r"个人|自己|我本人", text):
        return PERSONAL
    found = _COMPANY.search(text) or _LABELLED.search(text)
    title = _LEAD_IN.sub("", found[1], count=1) if found else ""
    return title if title and not _NO_NAME.fullmatch(title) else None


class InvoiceForm(OrderForm):
    form = "invoice_form"
    trigger = "request_invoice"
    nothing = "utter_invoice_nothing"

    def wanted(self, order: Order) -> bool:
        return order.status not in _NO_INVOICE and order.invoice_title is None

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        if order.invoice_title:
            answer.say("utter_invoice_already_requested", title=order.invoice_title)
        elif order.status in _CLOSED:
            answer.say("utter_refused_order_closed")
        elif order.status is OrderStatus.PENDING_PAYMENT:
            answer.say("utter_refused_not_paid")
        else:
            answer.set(invoice_amount=money(order.amount))
            return True
        return False

    def prefill(self, turn: Turn, answer: Answer) -> None:
        if title := read_title(turn.text):
            answer.set(invoice_title=title)

    async def take_invoice_title(self, turn: Turn, answer: Answer) -> None:
        if turn.intent in FORMS and turn.intent != self.trigger:  # 公司搬家了 地址要改
            return
        title = turn.entity("invoice_title") or read_title(turn.text)
        if title is None and turn.intent == self.trigger:
            answer.set(invoice_title=None)
        elif title is None and (
            turn.intent not in _TITLE_INTENTS or (turn.intent == FALLBACK and turn.faq.outcome != "none")
        ):
            return
        elif title is None:
            self.fail(turn, answer, "invoice_title", "utter_invoice_title_unclear")
        else:
            answer.set(invoice_title=title, form_failures=0)

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """Another title instead of a yes."""
        better = turn.entity("invoice_title") or read_title(turn.text)
        if better and better != turn.slots["invoice_title"]:
            answer.set(invoice_title=better, form_failures=0)
        else:
            await super().take_confirm(turn, answer)


class SubmitInvoice(Submit, MemberAction):
    action_name = "action_submit_invoice"
    required = ("order_number", "invoice_title", "confirm")
    left = "utter_invoice_left"
    refusals: ClassVar = {Refusal.ALREADY_REQUESTED: "utter_invoice_requested_meanwhile"}

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        number, title = turn.slots["order_number"], turn.slots["invoice_title"]
        receipt = await self.services.invoices.request(member_id, number, title, self.key(turn))
        answer.say("utter_invoice_requested", title=receipt.title, amount=money(receipt.amount))
