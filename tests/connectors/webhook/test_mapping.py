"""A mapping file that is wrong is refused, with the key that is and how to mend it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import vendors
from connectors.webhook.mapping import read
from core.errors import SettingsError
from tests.connectors.webhook.vendor import EXAMPLES, SMALL, small

MESSAGE = {"id": "id", "sender": "sender", "text": "text"}
SEND = small()["send"]
HMAC = {
    "scheme": "hmac",
    "hash": "sha256",
    "key": "{{ secrets.k }}",
    "message": "{{ raw }}",
    "signature": {"header": "S"},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recieve": []}, "recieve is no key that is known; is it receive?"),
        ({"zzz": 1}, "zzz is no key that is known; take it out"),
        ({"receive": [{"id": "id"}]}, "receive.0.sender is missing"),
        ({"receive": []}, "receive: Tuple should have at least 1 item"),
        ({"verify": []}, "verify: Tuple should have at least 1 item"),
        ({"receive": [MESSAGE | {"text": "a..b"}]}, "receive.0.text: 'a..b' is no JMESPath"),
        ({"receive": [MESSAGE | {"text": "upper(a)"}]}, "'upper(a)' calls upper(), which JMESPath does not have"),
        ({"receive": [MESSAGE | {"text": "a && b || c[?nope(@)]"}]}, "calls nope()"),
        ({"receive": [MESSAGE | {"when": "a && !b.c"}]}, "receive.0.when: 'a && !b.c': JMESPath reads !a.b as (!a).b"),
        ({"receive": [MESSAGE | {"text": 5}]}, "receive.0.text: a path is written as text"),
        ({"receive": [MESSAGE | {"event": {"text": "x", "payload": "greet"}}]}, "receive.0.event.payload"),
        ({"receive": [MESSAGE | {"attachments": [{"kind": "image"}]}]}, "say where it is: media_id, url, or latitude"),
        ({"receive": [MESSAGE | {"attachments": [{"kind": "image", "media_id": "i"}]}]}, "there is no `media:`"),
        ({"verify": [HMAC | {"scheme": "rot13"}]}, "verify.0"),
        ({"verify": [HMAC | {"key": "plain"}]}, "'plain' names no secret"),
        ({"verify": [HMAC | {"scheme": "hash"} | {"key": "x"}]}, "verify.0.hash.key is no key that is known"),
        ({"verify": [{k: v for k, v in (HMAC | {"scheme": "hash"}).items() if k != "key"}]}, "names no secret"),
        ({"verify": [HMAC | {"signature": {"header": "S", "query": "s"}}]}, "say one of header, query and body"),
        ({"verify": [HMAC | {"timestamp": {"header": "T"}}]}, "message must contain {{ timestamp }}"),
        ({"verify": [HMAC | {"message": "{{ body }}"}]}, "'{{ body }}' names body; here are headers, query, raw"),
        ({"challenge": {"answer": {"text": "{{ query.c }}"}}}, "say `when` a POST is a challenge"),
        ({"send": SEND | {"url": "{{ recipient }}/x"}}, "send.url: an address begins with https://"),
        ({"send": SEND | {"url": "https://{{ recipient }}.example/"}}, "send.url: an address begins with https://"),
        ({"send": SEND | {"url": "https://host:port/"}}, "send.url: an address begins with https://"),
        ({"send": SEND | {"text": {"a": "{{ txt }}"}}}, "'{{ txt }}' names txt; here are id, recipient, secrets, text"),
        ({"send": SEND | {"text": {"a": "{{ text"}}}, "'{{ text' is no template"),
        ({"send": SEND | {"text": {"a": "{{ text | nope }}"}}}, "is no template"),
        ({"send": SEND | {"text": {"$json": {}, "a": 1}}}, "$json stand together and with nothing else"),
        ({"send": SEND | {"buttons": {"l": {"$each": "things", "$as": "x"}}}}, "$each takes the name of a list"),
        ({"send": SEND | {"headers": {"A": "{{ token }}"}}}, "there is no `token:`"),
        ({"send": SEND | {"image": {"i": "{{ image_id }}"}}}, "there is no `upload:`"),
        ({"send": SEND | {"text_limit": {"bytes": 100, "characters": 100}}}, "say bytes or characters"),
        ({"answers": {"undeliverable": {1: "gone"}}}, "answers.undeliverable.1"),
        ({"pace": {"per_second": 0}}, "pace.per_second"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "vendor.yml"
    path.write_text(yaml.safe_dump(small(**changes)), encoding="utf-8")
    with pytest.raises(ValueError) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)


@pytest.mark.parametrize("content", ["", "[1]", "a: [", "a: !!python/object:os.system x", "\x00"])
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vendor.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"vendor\.yml"):
        read(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read(tmp_path / "none.yml")


def channels(tmp_path: Path, secrets: str, mapping: str = "maps/small.yml") -> Path:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "small.yml").write_text(SMALL, encoding="utf-8")
    path = tmp_path / "channels.yml"
    path.write_text(f"shop:\n  kind: webhook\n  mapping: {mapping}\n  secrets: {secrets}\n", encoding="utf-8")
    return path


def test_the_channels_file_names_the_mapping_beside_it(tmp_path: Path) -> None:
    found = vendors.read(channels(tmp_path, "{token: abc}"))["shop"]
    assert isinstance(found, vendors.Webhook)
    assert found.plain_secrets == {"token": "abc"}
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("secrets", "mapping", "said"),
    [
        ("{}", "maps/small.yml", "the mapping names token: put it under `secrets:`"),
        ("{token: a, tokn: b}", "maps/small.yml", "the mapping does not name tokn: take it out"),
        ("{token: ''}", "maps/small.yml", "token of `secrets:` is empty"),
        ("{token: a}", "small.yml", "small.yml cannot be read"),
        ("{token: a}", "[a]", "say where the mapping file is"),
    ],
)
def test_a_channel_that_does_not_fit_its_mapping(tmp_path: Path, secrets: str, mapping: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        vendors.read(channels(tmp_path, secrets, mapping))
    assert "shop" in raised.value.message
    assert said in raised.value.message


def test_the_examples_name_their_secrets() -> None:
    for path in EXAMPLES.glob("*.yml"):
        head = path.read_text(encoding="utf-8").split("secrets: ", 1)[1].splitlines()[0]
        assert set(head.split(", ")) == read(path).secrets
