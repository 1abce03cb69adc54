"""Where an invoice is, and sending it once more."""

import re
from typing import ClassVar

from actions.backends.invoices import InvoiceProgress, InvoiceStatus
from actions.backends.orders import Order
from actions.backends.refusals import Refusal
from actions.base import Answer
from actions.order_action import AboutAnOrder
from actions.turn import Turn
from actions.wording import moment, money, order_title

_AGAIN = re.compile(r"重[新发]|再发|补发|再给.{0,3}发|没收到|没有收到|发我邮箱|发到")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
RESEND = "resend"


class InvoiceProgressAction(AboutAnOrder):
    action_name = "action_invoice_progress"
    intent = "invoice_progress"
    nothing = "utter_invoice_none"
    refusals: ClassVar = {Refusal.NOT_REQUESTED: "utter_invoice_none", Refusal.NOT_ISSUED: "utter_invoice_not_issued"}

    def wanted(self, order: Order) -> bool:
        return order.invoice_title is not None

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        email = _EMAIL.search(turn.text)
        progress = await self.services.invoices.progress(member_id, order.number)
        again = turn.entity("choice") == RESEND or turn.intent == "affirm" or email or _AGAIN.search(turn.text)
        if again and progress.status is InvoiceStatus.ISSUED:
            key = f"{turn.message_id}:{self.action_name}"
            to = email[0] if email else None
            sent = await self.services.invoices.resend(member_id, order.number, to, key)
            answer.say("utter_invoice_resent", title=order_title(order), sent_to=sent.sent_to)
        else:
            self._tell(turn, order, progress, answer)

    def _tell(self, turn: Turn, order: Order, progress: InvoiceProgress, answer: Answer) -> None:
        known = {"title": order_title(order), "amount": money(progress.amount)}
        match progress.status:
            case InvoiceStatus.NOT_REQUESTED:
                answer.say("utter_invoice_not_requested", **known)
                answer.offer(turn, "request_invoice", order_number=order.number)
            case InvoiceStatus.MAKING:
                dated = "utter_invoice_making" if progress.expected_at else "utter_invoice_making_undated"
                answer.say(dated, expected_at=moment(progress.expected_at), invoice=progress.title or "个人", **known)
            case InvoiceStatus.ISSUED:
                answer.ask(
                    "utter_invoice_issued" if progress.sent_to else "utter_invoice_issued_unsent",
                    [_resend(order)],
                    issued_at=moment(progress.issued_at),
                    sent_to=progress.sent_to or "",
                    invoice=progress.title or "个人",
                    **known,
                )
                answer.offer(turn, self.intent, order_number=order.number)


def _resend(order: Order) -> dict[str, str]:
    payload = f'/invoice_progress{{"order_number":"{order.number}","choice":"{RESEND}"}}'
    return {"title": "重发发票", "payload": payload}
