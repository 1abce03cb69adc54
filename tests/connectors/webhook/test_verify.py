"""Who may push: the schemes that vendors use, and what is refused."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from starlette.datastructures import Headers

from connectors.bodies import Malformed
from connectors.webhook.mapping import Mapping
from connectors.webhook.pushes import Push, opened
from connectors.webhook.verify import verify
from core.errors import KefuError, Unauthorized
from tests.connectors.webhook.vendor import mapping

NOW = 1_700_000_000.0
SECRETS = {"token": "It's a Secret to Everybody", "key": "SEC000"}


def checked(mapped: Mapping, body: bytes = b"{}", query: dict[str, str] | None = None, **headers: str) -> bool:
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    try:
        push = opened(Push(body, query or {}, named), mapped, SECRETS)
        verify(mapped.verify, push, SECRETS, NOW)
    except Unauthorized:
        return False
    return True


def check(**check: Any) -> Mapping:
    return mapping(verify=[check])


def test_hmac_as_github_signs() -> None:
    """Its documentation's own example."""
    known = check(
        scheme="hmac",
        hash="sha256",
        key="{{ secrets.token }}",
        message="{{ raw }}",
        signature={"header": "X-Hub-Signature-256"},
        prefix="sha256=",
    )
    body, right = b'"Hello, World!"', hmac.digest(SECRETS["token"].encode(), b'"Hello, World!"', "sha256").hex()
    assert checked(known, body, x_hub_signature_256=f"sha256={right}")
    assert checked(known, body, x_hub_signature_256=f"sha256={right.upper()}")
    for wrong in (right, f"sha1={right}", f"sha256={right[:-1]}0", "sha256=", "", "sha256=é"):
        assert not checked(known, body, x_hub_signature_256=wrong)
    assert not checked(known, body + b" ", x_hub_signature_256=f"sha256={right}")
    assert not checked(known, body)


def test_the_public_vector_of_github() -> None:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    known = check(
        scheme="hmac",
        hash="sha256",
        key="{{ secrets.token }}",
        message="{{ query.payload }}",
        signature={"header": "X-Hub-Signature-256"},
        prefix="sha256=",
    )
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert checked(known, query={"payload": "Hello, World!"}, x_hub_signature_256=signature)
    assert not checked(known, query={"payload": "Hello, World?"}, x_hub_signature_256=signature)


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_hmac_as_dingtalk_signs(age: int, fresh: bool) -> None:
    """Base64 over a time in milliseconds and the secret; what follows on a line of its own is signed too."""
    known = check(
        scheme="hmac",
        hash="sha256",
        key="{{ secrets.key }}",
        message="{{ timestamp }}\n{{ secrets.key }}",
        signature={"header": "sign"},
        encoding="base64",
        timestamp={"header": "timestamp"},
    )
    stamp = str(int((NOW - age) * 1000))
    sign = base64.b64encode(hmac.digest(b"SEC000", f"{stamp}\nSEC000".encode(), "sha256")).decode()
    assert checked(known, timestamp=stamp, sign=sign) is fresh
    assert not checked(known, timestamp=str(int(stamp) + 1), sign=sign)


@pytest.mark.parametrize("stamp", ["", "-1", "1e9", "NaN", "٣", "9" * 400, "2023-11-14"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    known = check(
        scheme="hash",
        hash="sha1",
        message="{{ timestamp }}{{ secrets.key }}",
        signature={"query": "sign"},
        timestamp={"query": "t"},
    )
    sign = hashlib.sha1(f"{stamp}SEC000".encode()).hexdigest()
    assert not checked(known, query={"t": stamp, "sign": sign})


def test_a_hash_over_sorted_parts_as_wechat_signs() -> None:
    known = check(
        scheme="hash",
        hash="sha1",
        message="{{ [secrets.key, query.timestamp, query.nonce] | sort(case_sensitive=true) | join }}",
        signature={"query": "signature"},
    )
    parts = ["SEC000", "1409735669", "a1B2"]
    query = {
        "timestamp": parts[1],
        "nonce": parts[2],
        "signature": hashlib.sha1("".join(sorted(parts)).encode()).hexdigest(),
    }
    assert checked(known, query=query)
    assert not checked(known, query=query | {"nonce": "a1B3"})
    assert not checked(known, query={"signature": query["signature"]})


def test_a_hash_over_a_body_that_is_no_utf_8() -> None:
    known = mapping(
        format="form",
        verify=[
            {"scheme": "hash", "hash": "md5", "message": "{{ raw }}{{ secrets.key }}", "signature": {"query": "sign"}}
        ],
    )
    body = b"a=%ff\xff"
    with pytest.raises(Malformed):
        checked(known, body, query={"sign": hashlib.md5(body + b"SEC000").hexdigest()})
    push = Push(body, {"sign": hashlib.md5(body + b"SEC000").hexdigest()}, {})
    verify(known.verify, push, SECRETS, NOW)


@pytest.mark.parametrize("place", [{"header": "X-Token"}, {"query": "token"}, {"body": "header.token"}])
def test_a_token_that_comes_along(place: dict[str, str]) -> None:
    known = check(scheme="token", given=place, equals="{{ secrets.key }}")
    body, query = b'{"header": {"token": "SEC000"}}', {"token": "SEC000"}
    assert checked(known, body, query, x_token="SEC000")
    assert not checked(known, b'{"header": {"token": "SEC001"}}', {"token": "SEC"}, x_token="sec000")
    assert not checked(known, b'{"header": {"token": ["SEC000"]}}')


def test_all_checks_must_hold() -> None:
    known = mapping(
        verify=[
            {"scheme": "token", "given": {"query": "a"}, "equals": "{{ secrets.key }}"},
            {"scheme": "token", "given": {"query": "b"}, "equals": "{{ secrets.token }}"},
        ]
    )
    assert checked(known, query={"a": SECRETS["key"], "b": SECRETS["token"]})
    assert not checked(known, query={"a": SECRETS["key"]})
    assert not checked(known, query={"b": SECRETS["token"]})


def test_feishus_own_example_of_an_encrypted_body() -> None:
    """https://open.feishu.cn: «hello world» with the key «test key». It is no JSON, so it opens and is refused."""
    known = mapping(decrypt={"at": "encrypt", "key": "{{ secrets.key }}"})
    sealed = b'{"encrypt": "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}'
    with pytest.raises(Malformed):
        opened(Push(sealed, {}, {}), known, {"key": "test key"})
    with pytest.raises(Unauthorized):
        opened(Push(sealed, {}, {}), known, {"key": "another key"})


@pytest.mark.parametrize("sealed", ["", "AAAA", "@", "QUJD" * 40, "QUJDREVGR0hJSktMTU5PUA=="])
def test_what_is_not_encrypted_is_refused_in_one_way(sealed: str) -> None:
    known = mapping(decrypt={"at": "encrypt", "key": "{{ secrets.key }}"})
    with pytest.raises(KefuError) as raised:
        opened(Push(b'{"encrypt": "%s"}' % sealed.encode(), {}, {}), known, SECRETS)
    assert raised.value.as_json() == {
        "error": {"code": "unauthorized", "message": "the body is not encrypted with this channel's key"}
    }
