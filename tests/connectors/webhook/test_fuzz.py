"""Whatever is pushed, signed or not, is read or refused in our own words; nothing else comes of it."""

import json
from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bodies import Malformed
from connectors.webhook.inbound import MAX_ID, hear, pushed
from connectors.webhook.pushes import Push, opened
from connectors.webhook.templates import Body, CannotFill, Template
from connectors.webhook.verify import verify
from core.errors import Unauthorized
from tests.connectors.webhook.vendor import example, mapping, payload

FEISHU, OWN = example("feishu"), example("own_system")
PUSHES = [payload(f"feishu_{name}") for name in ("text", "image", "file", "post", "location", "card", "entered")]
SECRETS = dict.fromkeys(FEISHU.secrets | OWN.secrets | {"token"}, "a")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, part in inner for place in places(part, (*path, name)))]


def changed(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], other)
    return copy


@st.composite
def pushes(draw: st.DrawFn, known: list[Any]) -> Any:
    """A captured push with something else in one or two places."""
    push = draw(st.sampled_from(known))
    for _ in range(draw(st.integers(1, 2))):
        push = changed(push, draw(st.sampled_from(places(push))), draw(JSON | st.text().map(repr)))
    return push


def check_heard(which: Any, body: Any) -> None:
    for message in pushed(which, Push(b"", {}, {}, body)):
        with suppress(Malformed):
            heard = hear("a-channel", which, message)
            if heard:
                inbound = heard.inbound
                assert 1 <= len(inbound.sender) <= MAX_ID
                assert 1 <= len(inbound.vendor_id) <= MAX_ID
                assert isinstance(inbound.text, str)
                assert "\0" not in inbound.text + inbound.sender + inbound.vendor_id
                assert len(heard.media_ids) == len(inbound.attachments)
                for attachment in inbound.attachments:
                    assert attachment.url is None or attachment.url.startswith(("http://", "https://"))


@settings(max_examples=200, deadline=None)
@given(pushes(PUSHES))
def test_feishu_pushes_of_any_content(body: Any) -> None:
    check_heard(FEISHU, body)


@settings(max_examples=200, deadline=None)
@given(pushes([payload("own_system")]))
def test_lists_of_messages_of_any_content(body: Any) -> None:
    check_heard(OWN, body)


HEADERS = st.dictionaries(
    st.sampled_from(["X-Shop-Signature", "X-Shop-Timestamp", "X-Lark-Signature", "X-Lark-Request-Timestamp"]),
    st.text(max_size=40) | st.just("1700000000"),
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([FEISHU, OWN, mapping(), mapping(format="form")]),
    st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
    HEADERS,
)
def test_bodies_of_any_bytes_are_refused(which: Any, raw: bytes, headers: dict[str, str]) -> None:
    try:
        verify(which.verify, opened(Push(raw, headers, headers), which, SECRETS), SECRETS, 1_700_000_000.0)
    except (Malformed, Unauthorized):
        return
    raise AssertionError("what is not signed got in")


KNOWN = frozenset({"text", "buttons"})
BODY = Body.parse(
    {"a": "{{ text }}", "b": {"$json": ["{{ text }}", {"$each": "buttons", "$as": "{{ item }}/{{ number }}"}]}}, KNOWN
)
URL = Template.parse("https://a.example/x/{{ text }}?y={{ text }}&z=1", KNOWN, "url")
HEADER = Template.parse("Bearer {{ text }}", KNOWN, "header")


@given(st.text())
def test_no_text_breaks_out_of_where_it_stands(text: str) -> None:
    values = {"text": text, "buttons": [text, text]}
    filled = BODY.fill(values)
    assert filled["a"] == text
    assert orjson.loads(filled["b"]) == [text, [f"{text}/1", f"{text}/2"]]
    address = URL.fill(values)
    assert (address.count("/"), address.count("?"), address.count("&"), address.count("#")) == (4, 1, 1, 0)
    assert all(" " <= letter <= "~" for letter in HEADER.fill(values))


@given(JSON)
def test_a_value_of_any_type_fills_or_cannot(value: Any) -> None:
    with suppress(CannotFill):
        BODY.fill({"text": value, "buttons": value})
