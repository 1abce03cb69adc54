"""In a real browser: a message that did not arrive, and a customer who is linked to another conversation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from connectors.intake import Intake
from core.bus import Bus
from core.conversation import outbox
from core.conversation.message import Inbound, Message, Proof, new_id
from core.storage.database import Database
from core.storage.tables import messages
from tests.e2e.product import AGENT_PASSWORD, Product
from tests.e2e.test_browser import FLAGS, PATIENCE_MS, log_in_as, open_page, say
from tests.e2e.test_browser import messages as shown

ADMIN = "zhuguan"

Work = Callable[[Database, Bus], Awaitable[None]]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


def behind(kefu: Product, work: Work) -> None:
    """Do something as another process of the product would. Playwright has this thread's event loop."""

    async def run() -> None:
        database, bus = kefu.database(), Bus(kefu.settings.redis_url)
        await bus.start()
        try:
            await work(database, bus)
        finally:
            await bus.close()
            await database.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


def write(kefu: Product, channel: str, sender: str, text: str, *proofs: Proof) -> None:
    """A customer of a channel that pushes writes something."""

    async def accept(database: Database, bus: Bus) -> None:
        await Intake(database, bus).accept(Inbound(channel, new_id(), sender, text, proofs=proofs))

    behind(kefu, accept)


def give_up(kefu: Product, text: str, failure: str) -> None:
    """As delivery does when a vendor takes a message no more."""

    async def mark(database: Database, bus: Bus) -> None:
        async with database.begin() as conn:
            rows = await conn.execute(select(messages).where(messages.c.author == "agent"))
            lost = [row.id for row in rows if row.body.get("text") == text]
            given_up: list[Message] = await outbox.do_mark_undelivered(conn, lost, failure)
        for message in given_up:
            await bus.publish("desk", {"conversation_id": message.conversation_id})

    behind(kefu, mark)


def at_the_desk(kefu: Product, browser: Browser, username: str) -> Page:
    desk = open_page(browser, f"{kefu.url}/desk", width=1440, height=900)
    desk.get_by_test_id("login-username").fill(username)
    desk.get_by_test_id("login-password").fill(AGENT_PASSWORD)
    desk.get_by_test_id("login-submit").click()
    expect(desk.get_by_test_id("me")).to_be_visible()
    return desk


def test_a_customer_changes_channels_and_a_message_is_sent_again(kefu: Product, browser: Browser) -> None:
    desk = at_the_desk(kefu, browser, ADMIN)
    chat = open_page(browser, kefu.url, width=390, height=844)
    log_in_as(chat, "M0003")
    say(chat, "你好")
    write(kefu, "miniprogram", "o-m3", "我之前在小程序问过")
    write(kefu, "miniprogram", "o-m3", "转人工客服", Proof("member", "M0003"))

    # One thread, with the channels and what was said before.
    desk.get_by_test_id("queue-card").filter(has_text="微信小程序").first.click()
    desk.get_by_test_id("take").click()
    transcript = desk.get_by_test_id("transcript")
    expect(transcript).to_contain_text("我之前在小程序问过")
    expect(transcript).to_contain_text("你好")
    expect(desk.get_by_test_id("channel-change").first).to_have_text("顾客转到了微信小程序")
    expect(desk.get_by_test_id("channel")).to_have_count(2)

    # What does not arrive turns red without a reload, and is sent again.
    desk.get_by_test_id("reply").fill("包裹今天送到")
    desk.get_by_test_id("reply-send").click()
    expect(shown(desk, "agent").filter(has_text="包裹今天送到")).to_have_attribute("data-state", "sent")
    expect(desk.get_by_test_id("undelivered")).to_have_count(0)
    give_up(kefu, "包裹今天送到", "refused")
    expect(desk.get_by_test_id("undelivered")).to_contain_text("客户已取消关注或拒收")
    expect(desk.get_by_test_id("undelivered-count")).to_contain_text("1")
    desk.get_by_test_id("resend").click()
    expect(desk.get_by_test_id("undelivered")).to_have_count(0)
    expect(desk.get_by_test_id("undelivered-count")).to_have_count(0)

    # The link was wrong: undone, each is on their own again.
    desk.get_by_test_id("undo-link").click()
    desk.get_by_test_id("undo-link-confirm").click()
    expect(desk.get_by_test_id("channel")).to_have_count(1)
    expect(transcript).not_to_contain_text("我之前在小程序问过")


def test_a_visitor_who_is_linked_goes_on_in_the_other_conversation(kefu: Product, browser: Browser) -> None:
    write(kefu, "app", "a-m4", "我在App里问过发票", Proof("member", "M0004"), Proof("phone", "13800004444"))
    chat = open_page(browser, kefu.url, width=390, height=844)
    say(chat, "你好呀")
    chat.get_by_test_id("menu").click()
    expect(chat.get_by_role("dialog", name="更多")).to_be_visible()
    expect(chat.get_by_test_id("phone-proof")).to_have_count(0)  # no codes can be sent here
    chat.keyboard.press("Escape")
    chat.get_by_test_id("composer").fill("写到一半")
    visitor = chat.evaluate(
        "() => JSON.parse(atob(localStorage['kefu.visitor'].split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))"
    )

    async def prove(database: Database, bus: Bus) -> None:
        await Intake(database, bus).open("web", visitor["sub"], proofs=[Proof("phone", "13800004444")])

    behind(kefu, prove)
    expect(chat.get_by_test_id("message-list")).to_contain_text("我在App里问过发票")
    expect(chat.get_by_test_id("composer")).to_have_value("写到一半")
    chat.get_by_test_id("composer").press("Enter")
    expect(shown(chat, "customer").filter(has_text="写到一半")).to_have_count(1)
    expect(shown(chat, "customer").last).to_have_attribute("data-state", "sent")
