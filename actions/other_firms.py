"""Whose account is it? QQ密码忘了 sounds like 密码忘了, and what our accounts need is no answer to it."""

import re
from pathlib import Path

import yaml

_WORDS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("other_firms.yml").read_text(encoding="utf-8"))
_LONGEST_FIRST = sorted(map(str, _WORDS["firms"]), key=len, reverse=True)
_FIRM = re.compile(rf"(?P<with>[用拿])?(?P<firm>{'|'.join(map(re.escape, _LONGEST_FIRST))})", re.IGNORECASE)
_ACCOUNT = re.compile("|".join(map(re.escape, _WORDS["account"])))
_OURS = re.compile(
    r"(?:你们|咱们?)的?(?:家|店|平台|这|App|小程序|账号|会员)|你家|贵店|咱家|店里|小程序|购物|下单|订单"
    r"|付款|付钱|支付|收款|退款|退到|到账|转账|发票|优惠|积分",
    re.IGNORECASE,
)
"""What is done here, or paid to us."""


def others_account(text: str) -> frozenset[str]:
    """The firms whose accounts are asked about; none where ours is entered with theirs (用微信登录)."""
    if not _ACCOUNT.search(text) or _OURS.search(text):
        return frozenset()
    return frozenset(found["firm"].lower() for found in _FIRM.finditer(text) if not found["with"])


def may_answer(entry: str, firms: frozenset[str]) -> bool:
    """Whether an answer names the firms asked about: 微信 is not 企业微信."""
    return firms <= {found["firm"].lower() for found in _FIRM.finditer(entry)}
