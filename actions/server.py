"""The actions as Rasa calls them: `POST /actions/webhook`, run in the app's own process by rasa-sdk's executor."""

import hmac
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import SecretStr
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionNotFoundException

from actions.after_talk import PrivacyRequest, RateService, TicketProgress
from actions.base import CustomerAction
from actions.chitchat import Chitchat
from actions.damaged import WrongOrDamaged
from actions.faq import AnswerFaq
from actions.flow import Affirm, Deny, Fallback, Inform, NeverMind
from actions.forms.address import AddressForm, SubmitAddress
from actions.forms.cancel import CancelForm, SubmitCancel
from actions.forms.exchange import AskExchangeWish, ExchangeForm, SubmitExchange
from actions.forms.invoice import InvoiceForm, SubmitInvoice
from actions.forms.order_form import AskOrderNumber
from actions.forms.price import PriceForm, SubmitPrice
from actions.forms.redeem import RedeemForm, SubmitRedeem
from actions.forms.repair import AskRepairConfirm, AskRepairItem, RepairForm, SubmitRepair
from actions.forms.return_goods import ReturnForm, SubmitReturn
from actions.forms.ticket import SubmitTicket, TicketForm
from actions.invoices import InvoiceProgressAction
from actions.members import MemberLevel, QueryCoupons, QueryPoints
from actions.order_action import AboutAnOrder
from actions.order_list import OrderList
from actions.orders import OrderStatusAction, TrackLogistics, UrgeShipping
from actions.people import Complain, Handover
from actions.received import SignedNotReceived
from actions.refunds import RefundAmount, RefundProgress
from actions.services import Services
from actions.wallet import CouponProblems, MemberBenefits, PointsExpiry
from core.errors import Unauthorized

log = structlog.get_logger(__name__)


class Executor(ActionExecutor):  # type: ignore[misc]
    """rasa-sdk's executor without the domain: our actions never look at it, and Rasa then need not send it
    (`enable_selective_domain`), which the SDK's own executor takes for an error."""

    def update_and_return_domain(self, payload: Mapping[str, Any], action_name: str) -> dict[str, Any]:
        return payload.get("domain") or {}


def build_executor(services: Services) -> ActionExecutor:
    executor = Executor()
    for action in _actions(services):
        executor.register_action(action)
    return executor


def router(executor: ActionExecutor, token: SecretStr) -> APIRouter:
    """`token` guards the route: whoever may call it may name any member."""
    routes = APIRouter(include_in_schema=False)
    expected = token.get_secret_value().encode()

    @routes.post("/actions/webhook")
    async def webhook(request: Request, token: str = Query(default="")) -> Response:
        if not hmac.compare_digest(token.encode(), expected):
            raise Unauthorized("the action token is missing or wrong")
        call = orjson.loads(await request.body())
        try:
            result = await executor.run(call)
        except ActionNotFoundException as error:
            log.error("unknown_action", action=error.action_name)
            return _json({"error": error.message, "action_name": error.action_name}, status=404)
        return _json({"events": result.events, "responses": result.responses} if result else {})

    return routes


def _actions(services: Services) -> list[CustomerAction]:
    about_orders: list[AboutAnOrder] = [
        OrderStatusAction(services),
        TrackLogistics(services),
        UrgeShipping(services),
        SignedNotReceived(services),
        WrongOrDamaged(services),
        RefundProgress(services),
        RefundAmount(services),
        InvoiceProgressAction(services),
    ]
    rate, privacy = RateService(services), PrivacyRequest(services)
    by_intent: dict[str, CustomerAction] = {action.intent: action for action in about_orders}
    by_intent[rate.intent] = rate
    inform = Inform(services, by_intent)
    return [
        *about_orders,
        OrderList(services),
        QueryPoints(services),
        PointsExpiry(services),
        MemberLevel(services),
        MemberBenefits(services),
        QueryCoupons(services),
        CouponProblems(services),
        AnswerFaq(services, inform),
        TicketProgress(services),
        privacy,
        rate,
        Chitchat(services),
        Complain(services),
        Handover(services),
        inform,
        Fallback(services, inform),
        Affirm(services, {**by_intent, "privacy_request": privacy}),
        Deny(services),
        NeverMind(services),
        AskOrderNumber(services),
        ReturnForm(services),
        SubmitReturn(services),
        AddressForm(services),
        SubmitAddress(services),
        CancelForm(services),
        SubmitCancel(services),
        InvoiceForm(services),
        SubmitInvoice(services),
        RedeemForm(services),
        SubmitRedeem(services),
        ExchangeForm(services),
        AskExchangeWish(services),
        SubmitExchange(services),
        RepairForm(services),
        AskRepairItem(services),
        AskRepairConfirm(services),
        SubmitRepair(services),
        PriceForm(services),
        SubmitPrice(services),
        TicketForm(services),
        SubmitTicket(services),
    ]


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")
