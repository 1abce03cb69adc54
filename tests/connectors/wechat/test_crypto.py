"""Signatures and encryption: the vendor's public vectors, wechatpy as the peer, and anything else as an enemy."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.utils import check_signature

from connectors.bodies import Malformed
from connectors.wechat.crypto import Envelope, Signature, Stamp, sign
from connectors.wechat.pushes import parse
from connectors.wechat.replies import seal
from core.errors import SettingsError, Unauthorized

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KEY = base64.b64decode(AES_KEY + "=")
APP_ID = "wxb11529c136998cb6"
SEALED = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
NOW = 1410685589

envelope = Envelope(AES_KEY, APP_ID)
signature = Signature("test", max_skew_seconds=300, clock=lambda: NOW)
messages = st.text(max_size=3000)


def encrypted(plain: bytes) -> str:
    """These very bytes under the key: no padding is added."""
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(KEY[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def test_the_public_vector_of_signatures() -> None:
    assert sign("test", "1410685589", "test") == "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff"
    signature.check(Stamp("f21891de399b4e33a1a93c9a7b8a8fffb5a443ff", "1410685589", "test"))


def test_the_public_vector_of_encryption() -> None:
    assert envelope.seal("我是中文abcd123".encode(), random=b"aaaabbbbccccdddd") == SEALED
    assert envelope.open(SEALED).decode() == "我是中文abcd123"


@given(messages)
def test_wechatpy_reads_what_we_seal(message: str) -> None:
    if message:
        assert PrpCrypto(KEY).decrypt(envelope.seal(message.encode()), APP_ID) == message


@given(messages)
def test_we_read_what_wechatpy_seals(message: str) -> None:
    assert envelope.open(PrpCrypto(KEY).encrypt(message, APP_ID).decode()) == message.encode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
def test_whole_answers_pass_wechatpy_and_its_pass_us(message: str) -> None:
    peer = WeChatCrypto("test", AES_KEY, APP_ID)
    answer = seal(message.encode(), "xml", envelope, signature)
    fields = parse(answer).fields
    assert peer.decrypt_message(answer, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"]) == message

    theirs = parse(peer.encrypt_message(message, "nonce", str(NOW)).encode()).fields
    signature.check(Stamp(theirs["MsgSignature"], theirs["TimeStamp"], theirs["Nonce"]), theirs["Encrypt"])
    assert envelope.open(theirs["Encrypt"]).decode() == message


@given(st.text(max_size=40), st.text(max_size=40))
def test_wechatpy_takes_our_signatures(timestamp: str, nonce: str) -> None:
    check_signature("test", sign("test", timestamp, nonce), timestamp, nonce)


@pytest.mark.parametrize("given_signature", ["", "0" * 40, "f21891de399b4e33a1a93c9a7b8a8fffb5a443f", "签名"])
def test_a_wrong_signature_is_refused(given_signature: str) -> None:
    with pytest.raises(Unauthorized, match="signature"):
        signature.check(Stamp(given_signature, str(NOW), "test"))


@pytest.mark.parametrize(
    "timestamp", [str(NOW - 301), str(NOW + 301), "", "now", "-1", "1e9", "١٤١٠٦٨٥٥٨٩", "9" * 5000]
)
def test_a_time_far_from_ours_is_refused(timestamp: str) -> None:
    with pytest.raises(Unauthorized, match="timestamp"):
        signature.check(Stamp(sign("test", timestamp, "n"), timestamp, "n"))


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_no_stamp_breaks_the_check(given_signature: str, timestamp: str, nonce: str, more: str) -> None:
    with pytest.raises(Unauthorized):
        signature.check(Stamp(given_signature, timestamp, nonce), more)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: base64.b64encode(raw).decode())))
def test_no_cipher_text_breaks_the_envelope(sealed: str) -> None:
    with pytest.raises(Malformed):
        envelope.open(sealed)


@given(st.binary(max_size=20).map(lambda raw: raw * 16).filter(bool))
def test_no_plain_text_under_the_key_breaks_it(plain: bytes) -> None:
    """Even who has the key cannot break it; nothing of these is for our app."""
    with pytest.raises(Malformed):
        envelope.open(encrypted(plain))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"r" * 16 + struct.pack(">I", 5) + b"hello" + b"wx_another_app_",
        b"r" * 16 + struct.pack(">I", 2**32 - 1) + b"hello" + APP_ID.encode(),
        b"r" * 16 + struct.pack(">I", 4) + b"hello" + APP_ID.encode(),
        b"r" * 16 + struct.pack(">I", 5) + b"hello",
    ],
)
def test_what_is_for_somebody_else_or_says_a_wrong_length_is_refused(content: bytes) -> None:
    missing = 32 - len(content) % 32
    with pytest.raises(Malformed):
        envelope.open(encrypted(content + bytes([missing]) * missing))


@pytest.mark.parametrize("padding", [b"\x00" * 16, b"\x21" * 48, b"\x01" * 15 + b"\x03"])
def test_a_wrong_padding_is_refused(padding: bytes) -> None:
    with pytest.raises(Malformed, match="padded"):
        envelope.open(encrypted(padding.rjust(48, b"a")))


@pytest.mark.parametrize("key", ["", "short", AES_KEY + "A", "*" * 43, "密" * 43])
def test_a_wrong_key_is_named_at_the_start(key: str) -> None:
    with pytest.raises(SettingsError, match="EncodingAESKey"):
        Envelope(key, APP_ID)
