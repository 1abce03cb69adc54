"""Personal data out of sight: for logs, training candidates and analyst pages."""

import re

# Digits are matched by their borders, not by \b, which never matches inside Chinese text.
_RULES = (
    (re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d)\d{4}(\d{4})(?!\d)"), r"\1****\2"),
    (re.compile(r"(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?!\d)"), r"\1********\2"),
    (re.compile(r"(?<!\d)(\d{4})\d{8,11}(\d{4})(?!\d)"), r"\1********\2"),
    (re.compile(r"[\w.+-]+(@[\w-]+\.[\w.]+)"), r"***\1"),
    (re.compile(r"((?:路|街|道|巷|弄|村|小区|大厦))\s*[0-9零一二三四五六七八九十]+[^\s,，。;；]*"), r"\1***"),
)


def mask(text: str) -> str:
    """Phone, identity card, bank card, e-mail and the house number of an address, masked."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
