"""The form that changes where an order goes. Only before it is sent."""

import re
from typing import ClassVar

from actions.addresses import Parts, read_parts
from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import FALLBACK, Submit
from actions.forms.order_form import OrderForm
from actions.turn import Turn

_CHANGEABLE = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_ADDRESS_INTENTS = {"inform", "change_address", "deny", FALLBACK}
_LEAD_IN = re.compile(
    r"^.*?(?:地址|收货地)?(?:改成|改为|改到|改送|换成|换到|改寄到?|寄到|送到|发到|应该是|地址[是写]?|是)[:：,，\s]*"
)
_REGION = re.compile(r"省|市|区|县|州|盟|旗|镇|乡|新区|自治")
_PLACE = re.compile(r"路|街|道|巷|弄|村|庄|苑|园|小区|公寓|大厦|广场|大学|学校|医院|驿站|中心")
_NUMBER = re.compile(r"[0-9一二三四五六七八九十百]+\s*(?:号|栋|幢|座|楼|单元|室|弄|组|队|院|[A-Za-z-]?[0-9]{2,})")
_RECEIVER = re.compile(r"收[件货](?:人|的?电话|的?手机)")
_SHORTEST, _LONGEST = 8, 120


def is_plausible(address: str) -> bool:
    """A courier could start with it: a region, and a place or a house number."""
    if not _SHORTEST <= len(address) <= _LONGEST:
        return False
    return bool(_REGION.search(address)) and bool(_PLACE.search(address)) and bool(_NUMBER.search(address))


def _bare(text: str) -> str:
    return _LEAD_IN.sub("", text, count=1).strip(" ,，。.！!~～")


def read_address(text: str, entity: str | None) -> str | None:
    """The address in an utterance, if there is a plausible one; the longest reading of it."""
    bare = _bare(text)
    readings = (bare, text.strip(), entity or "")
    if entity and is_plausible(entity) and len(entity) * 2 >= len(bare):
        return entity
    return next((reading for reading in readings if is_plausible(reading)), None)


class AddressForm(OrderForm):
    form = "address_form"
    trigger = "change_address"
    nothing = "utter_address_nothing"
    refusals: ClassVar = {Refusal.ALREADY_SHIPPED: "utter_address_already_shipped"}

    def wanted(self, order: Order) -> bool:
        return order.status in _CHANGEABLE

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        if order.status in _CHANGEABLE:
            return True
        closed = order.status in {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
        answer.say("utter_refused_order_closed" if closed else "utter_address_already_shipped")
        if not closed:
            answer.offer(turn, "human_agent")
        return False

    def prefill(self, turn: Turn, answer: Answer) -> None:
        self._tell_of_receiver(turn, answer)
        if said := read_address(turn.text, turn.entity("address")) or turn.entity("address"):
            self._keep(read_parts(said), answer)

    def _tell_of_receiver(self, turn: Turn, answer: Answer) -> None:
        """Only the address can be changed here: nobody shall think that name and phone went with it."""
        if turn.entity("phone") or _RECEIVER.search(turn.text):
            answer.say("utter_address_receiver_stays")

    async def take_new_address(self, turn: Turn, answer: Answer) -> None:
        entity = turn.entity("address")
        said = read_address(turn.text, entity)
        if not said and (
            turn.intent not in _ADDRESS_INTENTS or (turn.intent == FALLBACK and turn.faq.outcome != "none")
        ):
            return
        self._tell_of_receiver(turn, answer)
        if turn.intent == self.trigger and not entity and not said:
            answer.set(new_address=None)
            return
        known = read_parts(turn.slots.get("partial_address") or "")
        parts = known.completed_by(read_parts(said or entity or _bare(turn.text)))
        if self._keep(parts, answer):
            answer.set(form_failures=0)
        elif said and turn.form_failures:  # asked for once: a new district may be on no list
            answer.set(new_address=said, form_failures=0)
        else:
            self.fail(turn, answer, "new_address", "utter_address_incomplete")

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """不对，是张江路 8 号 is a better address, not a no; a part of one asks for the whole again."""
        better = read_address(turn.text, turn.entity("address"))
        if better and turn.intent in _ADDRESS_INTENTS and better not in turn.slots["new_address"]:
            answer.set(new_address=None, confirm=None)
            self._keep(read_parts(better), answer)
        elif turn.intent == "deny" and any(char.isdigit() for char in turn.text):  # 不是，是 1803
            answer.set(new_address=None)
        else:
            await super().take_confirm(turn, answer)

    def _keep(self, parts: Parts, answer: Answer) -> bool:
        """Whether it is a whole address; of a part, the next question says what is missing."""
        if parts.missing is None:
            answer.set(new_address=parts.whole, partial_address=None, address_missing=None)
            return True
        if not parts.is_empty:
            answer.set(partial_address=parts.whole, address_missing=parts.missing)
        return False


class SubmitAddress(Submit, MemberAction):
    action_name = "action_submit_address"
    required = ("order_number", "new_address", "confirm")
    left = "utter_address_left"
    refusals: ClassVar = AddressForm.refusals

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        order, address = turn.slots["order_number"], turn.slots["new_address"]
        await self.services.orders.change_address(member_id, order, address, self.key(turn))
        answer.say("utter_address_changed", title=turn.slots["order_title"], address=address)
