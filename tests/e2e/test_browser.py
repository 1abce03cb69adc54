"""The main job in a real browser: a customer at the chat page, an agent at the desk, nothing in between faked."""

import base64
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.product import AGENT_PASSWORD, Product

PATIENCE_MS = 20_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shop_site(kefu: Product, tmp_path: Path) -> Iterator[str]:
    """Somebody's own site, on an origin of its own, with the one script tag."""
    tag = f'<script src="{kefu.url}/widget.js" data-title="在线客服" async></script>'
    (tmp_path / "index.html").write_text(f"<!doctype html><meta charset=utf-8><h1>某某小店</h1>{tag}", encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def open_page(browser: Browser, url: str, *, width: int, height: int) -> Page:
    """A page with its own storage. Whatever goes wrong in its scripts fails the test."""
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: pytest.fail(f"the page broke: {error}"))
    page.goto(url)
    return page


def messages(page: Page, author: str) -> Locator:
    return page.locator(f'[data-testid="message"][data-author="{author}"]')


def say(page: Page, text: str) -> str:
    """Type and send; returns what the bot says next."""
    before = messages(page, "bot").count()
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("composer").press("Enter")
    answer = messages(page, "bot").nth(before)
    expect(answer).to_be_visible()
    return answer.inner_text()


def log_in_as(page: Page, member_id: str) -> None:
    page.get_by_test_id("menu").click()
    page.locator(f'[data-testid="demo-login"][data-member-id="{member_id}"]').click()
    expect(page.get_by_test_id("member")).to_be_visible()


def test_facts_answers_anger_a_person_and_back(kefu: Product, browser: Browser) -> None:
    chat = open_page(browser, kefu.url, width=390, height=844)
    desk = open_page(browser, f"{kefu.url}/desk", width=1280, height=800)

    # An agent is there, so the customer is not told that nobody is.
    desk.get_by_test_id("login-username").fill("xiaowang")
    desk.get_by_test_id("login-password").fill(AGENT_PASSWORD)
    desk.get_by_test_id("login-submit").click()
    expect(desk.get_by_test_id("me")).to_be_visible()

    # Real facts of the customer's own order, a real answer of the knowledge base.
    log_in_as(chat, "M0001")
    parcel = say(chat, "我的快递到哪儿了呀")
    if not re.search(r"[A-Z]{2,4}\d{10,15}", parcel):  # several parcels: the bot asks which
        chat.get_by_test_id("quick-reply").first.click()
    expect(messages(chat, "bot").filter(has_text=re.compile(r"[A-Z]{2,4}\d{10,15}"))).not_to_have_count(0)
    assert "运费" in say(chat, "退货的运费是谁出啊")

    # Anger hands over, with a reason and a summary.
    chat.get_by_test_id("composer").fill("你们什么破服务!气死我了,等了这么久,垃圾平台骗子!")
    chat.get_by_test_id("composer").press("Enter")
    expect(chat.get_by_test_id("owner-state")).to_contain_text("排队")

    desk.get_by_test_id("queue-card").first.click()
    desk.get_by_test_id("take").click()
    expect(desk.get_by_test_id("reason")).to_contain_text("情绪")
    expect(desk.get_by_test_id("summary-line").filter(has_text="快递")).not_to_have_count(0)
    expect(desk.get_by_test_id("transcript")).to_contain_text("退货的运费是谁出啊")
    expect(desk.get_by_test_id("facts")).to_contain_text("KF2")
    expect(chat.get_by_test_id("owner-state")).to_contain_text("小王")

    # The bot is silent now; agent and customer talk.
    bot_said = messages(chat, "bot").count()
    chat.get_by_test_id("composer").fill("在吗")
    chat.get_by_test_id("composer").press("Enter")
    expect(desk.get_by_test_id("transcript")).to_contain_text("在吗")
    desk.get_by_test_id("reply").fill("非常抱歉让您久等了,我马上帮您催一下快递。")
    desk.get_by_test_id("reply-send").click()
    expect(messages(chat, "agent").last).to_contain_text("马上帮您催")
    assert messages(chat, "bot").count() == bot_said

    # Closed: the bot is back, and history survives a reload.
    desk.get_by_test_id("close").click()
    desk.get_by_test_id("close-confirm").click()
    expect(chat.get_by_test_id("owner-state")).not_to_contain_text("小王")
    chat.reload()
    expect(messages(chat, "agent").last).to_contain_text("马上帮您催")
    assert say(chat, "谢谢")


def test_a_picture_goes_from_the_customer_to_the_agent(kefu: Product, browser: Browser, tmp_path: Path) -> None:
    chat = open_page(browser, kefu.url, width=390, height=844)
    picture = tmp_path / "screen.png"
    picture.write_bytes(made_picture(chat))

    # By the keyboard: the button opens the chooser.
    expect(chat.get_by_test_id("attach")).to_be_enabled()
    with chat.expect_file_chooser() as chosen:
        chat.get_by_test_id("attach").press("Enter")
    chosen.value.set_files(picture)
    sent = messages(chat, "customer").filter(has=chat.get_by_test_id("picture"))
    expect(sent).to_have_count(1)
    expect(sent.first).to_have_attribute("data-state", "sent")
    expect_shown(sent.get_by_test_id("picture").first)

    # From the clipboard.
    chat.get_by_test_id("composer").focus()
    chat.evaluate(PASTE, list(picture.read_bytes()))
    expect(sent).to_have_count(2)

    # Looked at in full, closed by Escape.
    sent.get_by_test_id("picture").first.focus()
    chat.keyboard.press("Enter")
    expect(chat.get_by_role("dialog", name="查看图片")).to_be_visible()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("dialog", name="查看图片")).to_have_count(0)

    # What a browser might run is refused in words.
    chat.get_by_test_id("file").set_input_files(
        {"name": "x.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"}
    )
    expect(chat.get_by_role("alert")).to_contain_text("不支持")

    # After a reload it is there, and the agent sees it, too.
    chat.reload()
    expect(sent).to_have_count(2)
    expect_shown(sent.get_by_test_id("picture").first)
    chat.get_by_test_id("composer").fill("转人工客服")
    chat.get_by_test_id("composer").press("Enter")
    expect(chat.get_by_test_id("owner-state")).to_contain_text("排队")
    desk = open_page(browser, f"{kefu.url}/desk", width=1280, height=800)
    desk.get_by_test_id("login-username").fill("xiaowang")
    desk.get_by_test_id("login-password").fill(AGENT_PASSWORD)
    desk.get_by_test_id("login-submit").click()
    desk.get_by_test_id("queue-card").first.click()
    shown = desk.get_by_test_id("transcript").get_by_test_id("picture")
    expect(shown).to_have_count(2)
    expect_shown(shown.first)


PASTE = """bytes => {
  const data = new DataTransfer()
  data.items.add(new File([new Uint8Array(bytes)], 'image.png', { type: 'image/png' }))
  const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
  document.activeElement.dispatchEvent(event)
}"""


def made_picture(page: Page) -> bytes:
    """A real PNG, drawn by the browser."""
    drawn = """() => {
      const canvas = document.createElement('canvas')
      canvas.width = 320; canvas.height = 200
      const brush = canvas.getContext('2d')
      brush.fillStyle = '#2a6'; brush.fillRect(0, 0, 320, 200)
      brush.fillStyle = '#fff'; brush.font = '48px sans-serif'; brush.fillText('KF2026', 60, 115)
      return canvas.toDataURL('image/png').split(',')[1]
    }"""
    return base64.b64decode(page.evaluate(drawn))


def expect_shown(picture: Locator) -> None:
    """Loaded and decoded, not merely there."""
    picture.scroll_into_view_if_needed()
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 320)


def test_every_page_keeps_to_its_content_policy(kefu: Product, browser: Browser) -> None:
    for path, here in (("/", "composer"), ("/desk", "login-username"), ("/docs", None)):
        page = browser.new_context(locale="zh-CN").new_page()
        complaints: list[str] = []
        page.on("console", lambda said, into=complaints: into.append(said.text) if said.type == "error" else None)
        page.goto(kefu.url + path)
        expect(page.get_by_test_id(here) if here else page.get_by_text("/api/web/messages").first).to_be_visible()
        assert [said for said in complaints if "Content Security Policy" in said] == []


def test_another_site_cannot_look_into_the_chat(kefu: Product, browser: Browser, shop_site: str) -> None:
    """The same person at a shop, then at a site that means ill: it frames the chat and sees nothing of the first."""
    page = open_page(browser, shop_site, width=1280, height=800)
    page.get_by_role("button", name=re.compile("客服")).click()
    frame = page.frame_locator("iframe")
    frame.get_by_test_id("composer").fill("我的电话是13812345678")
    frame.get_by_test_id("composer").press("Enter")
    expect(frame.locator('[data-testid="message"][data-author="bot"]').first).to_be_visible()

    page.goto(shop_site.replace("localhost", "127.0.0.1"))
    page.evaluate(
        "() => { window.heard = []; addEventListener('message', event => heard.push(JSON.stringify(event.data))) }"
    )
    page.get_by_role("button", name=re.compile("客服")).click()
    expect(frame.get_by_test_id("composer")).to_be_visible()
    expect(frame.get_by_text("13812345678")).to_have_count(0)
    assert (
        page.evaluate("() => document.querySelector('[data-kefu]').shadowRoot.querySelector('iframe').contentDocument")
        is None
    )
    heard = page.evaluate("() => heard.join()")
    assert "visitor" not in heard
    assert "138" not in heard


def test_the_widget_opens_on_another_site(kefu: Product, browser: Browser, shop_site: str) -> None:
    page = open_page(browser, shop_site, width=1280, height=800)
    page.get_by_role("button", name=re.compile("客服")).click()
    frame = page.frame_locator("iframe")
    composer = frame.get_by_test_id("composer")
    composer.fill("你好")
    composer.press("Enter")
    expect(frame.locator('[data-testid="message"][data-author="bot"]').first).to_be_visible()


def test_the_desk_is_closed_to_everyone_else(kefu: Product, browser: Browser) -> None:
    desk = open_page(browser, f"{kefu.url}/desk", width=1280, height=800)
    desk.get_by_test_id("login-username").fill("xiaowang")
    desk.get_by_test_id("login-password").fill("wrong-password")
    desk.get_by_test_id("login-submit").click()
    expect(desk.get_by_role("alert")).to_be_visible()
    expect(desk.get_by_test_id("queue-card")).to_have_count(0)
