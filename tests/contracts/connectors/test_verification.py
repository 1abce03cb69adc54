"""Only what the vendor signed gets in, and only lately; whatever else comes does no harm."""

from collections.abc import Iterator

import pytest

from tests.contracts.connectors.harness import Flaw, Harness, Said
from tests.contracts.connectors.world import World, is_taken

FLAWS: tuple[Flaw, ...] = ("wrong_signature", "unsigned", "tampered", "stale", "future")
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
HOSTILE = {
    "nothing": b"",
    "zeros": b"\0" * 200,
    "no utf-8": b"\xff\xfe<xml>\xc3\x28</xml>",
    "utf-16": "<xml><MsgType>text</MsgType></xml>".encode("utf-16"),
    "an encoding that is not there": b'<?xml version="1.0" encoding="no-such-code"?><xml/>',
    "an encoding of no characters": b'<?xml version="1.0" encoding="hex"?><xml/>',
    "a billion laughs": b'<!DOCTYPE x [<!ENTITY l0 "ha">' + LAUGHS + b"]><xml><Content>&l9;</Content></xml>",
    "an outer document type": b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml><a/></xml>',
    "half a document": b"<xml><ToUserName>",
    "half a json": b'{"ToUserName": "gh',
    "json of another kind": b"[1, 2, 3]",
    "json of nulls": b'{"ToUserName": null, "FromUserName": null, "MsgType": null}',
    "json of numbers": b'{"MsgType": 1e400}',
    "half a surrogate": b'{"MsgType": "text", "FromUserName": "o1", "Content": "\\ud83d"}',
    "deep json": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "deep xml": b"<xml>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</xml>",
}


async def nothing_got_in(world: World, harness: Harness) -> None:
    """Nothing is stored of anybody, and a true message still comes through."""
    assert await world.everything(harness.channel) == []
    said = Said("在吗")
    assert is_taken(harness, await harness.push(said))
    assert [message.text for message in await world.said(harness.channel, said.sender)] == ["在吗"]


def flaws(harness: Harness) -> Iterator[Flaw]:
    return (flaw for flaw in FLAWS if flaw in harness.flaws)


async def test_the_address_is_confirmed_to_the_vendor_alone(harness: Harness) -> None:
    if "checks_url" not in harness.traits:
        pytest.skip("this vendor does not check the address")
    response, expected = await harness.check_url()
    assert (response.status_code, response.text) == (200, expected)
    for flaw in flaws(harness):
        if flaw != "tampered":
            response, expected = await harness.check_url(flaw)
            assert 400 <= response.status_code < 500
            assert expected not in response.text


async def test_what_is_not_signed_as_it_must_be_is_refused(harness: Harness, world: World) -> None:
    for flaw in flaws(harness):
        response = await harness.push(Said("我要退款"), flaw)
        assert 400 <= response.status_code < 500, flaw
    await nothing_got_in(world, harness)


async def test_hostile_bodies_do_no_harm(harness: Harness, world: World) -> None:
    for name, body in HOSTILE.items():
        for sealed in (False, True):
            assert (await harness.push_bytes(body, sealed=sealed)).status_code < 500, name
    await nothing_got_in(world, harness)


async def test_hostile_bodies_of_the_vendors_own_format_do_no_harm(harness: Harness, world: World) -> None:
    for name, body in harness.hostile():
        for sealed in (False, True):
            response = await harness.push_bytes(body, sealed=sealed)
            assert response.status_code < 500, name
            assert "root:" not in response.text
    await nothing_got_in(world, harness)


async def test_a_huge_body_is_refused(harness: Harness, world: World) -> None:
    for sealed in (False, True):
        response = await harness.push_bytes(b"<xml>" + b"a" * 5_000_000 + b"</xml>", sealed=sealed)
        assert response.status_code == 413
    await nothing_got_in(world, harness)
