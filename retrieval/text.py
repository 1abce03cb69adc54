"""Normalisation of what customers type. Standard library and OpenCC only: also runs inside Rasa (Python 3.10)."""

import re
import unicodedata

import opencc

# Control characters, zero-width joiners, direction marks and variation selectors carry no meaning for search and
# split or pollute tokens ("退\u200b货" must be "退货"). Line breaks and tabs are whitespace and stay as a space.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
# "啊啊啊啊" says no more than "啊啊". Digits are never squeezed (order numbers), Latin letters from four on ("www").
_RUN = re.compile(r"([^\da-zA-Z\s])\1{2,}|([a-zA-Z])\2{3,}")
_SPACE = re.compile(r"\s+")
# From Taiwan's characters, which has 著 as 着 where it is a particle (看著) and leaves it where it is not (著名); the
# plain table does not, and simplified text stays as it is with both, but for 么, which Taiwan writes for 幺.
_SIMPLIFIED = opencc.OpenCC("tw2s")
_IDEOGRAPHS = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
# Of some characters the simplified form is so rare that it lies beyond the basic plane, and phones show a box for it:
# 嗰 (that, in Cantonese) would come back to the customer as 𠮶. These stay as they are typed.
_RARELY_SIMPLIFIED = [sign for sign in _IDEOGRAPHS if _SIMPLIFIED.convert(sign) > "\uffff"]
_CONVERTED = re.compile(f"[^么{''.join(_RARELY_SIMPLIFIED)}]+")


def normalise(text: str) -> str:
    """One canonical form of an utterance: NFKC (full width becomes half width), invisible characters removed,
    traditional characters simplified, long runs of one character squeezed to two, whitespace collapsed. Emoji and case
    stay: they are signal."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)))
    if not text.isascii():
        text = _CONVERTED.sub(lambda stretch: _SIMPLIFIED.convert(stretch[0]), text)
    text = _RUN.sub(lambda run: (run[1] or run[2]) * 2, text)
    return _SPACE.sub(" ", text).strip()
