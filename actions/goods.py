"""Goods in a customer's own words, matched against what they bought. Pure reading; no entity is needed for it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_SHORTEST_NAME = 2
_CALLED: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("goods.yml").read_text(encoding="utf-8"))
_POINTED_AT = re.compile(r"([^，。,！？!?、；;：:\s]{2,}?)的?那(?:一?[单笔]|个(?:订单|快递|包裹|单))")
_THAT_ONE = re.compile(
    r"(?:不对|不是|等等|等下|啊|哦|，|,|\s)*(?:我?(?:说|要|买|换)?的?(?:就?是|成)?)[那这内]个([^，。,！？!?\s]{2,8})[的滴][啊呀吧呢]*"
)
_ASKED_ON = re.compile(r"(?:那|还有)?([^，。,！？!?\s那呢]{2,8}?)(?:的|那个|那[单件条台])?(?:呢)?[？?]*")
_BOUGHT = re.compile(r"[买拍订]的(?:[那这]?一?[个件条台双瓶套款])?([\u4e00-\u9fff]{3,6})")
_GIVER = r"(?!(?:们?[给帮替]我|送|孝敬))"
"""我儿子给我买的: who bought it says nothing of what it is."""
_LEAD_IN = re.compile(
    # People, and what is wished
    r"麻烦|请问?|帮忙?|替|给|[我俺咱你您他她]们?|人家|自己|想要?|需?要|可以|能不能|能|得|把|将|对|就是|就|不是|是不是|是"
    r"|还有|还|也|再|先|另外|顺便|顺带|然后|看看?|查查?|问问?|说|聊|提到?|讲|取消|撤销?|退[货款]?|换货?|改|催|修|保价|价保|报修|办理?|处理"
    r"|开|发票|发货?|票|货|款|地址|物流|快递|订单|包裹|单子?|选|咨询|关于|至于|为什么|为啥|怎么|咋|什么|啥|时候|因为"
    # Particles, counts and what an order is named by otherwise
    r"|一下|[上下中]午|早上|晚上|[一两几二三四五六七八九十0-9]|[个件条只下]|[了的滴地吧吗呢啊呀嘛哦嗯喂]|买|订|拍|付|收到?|签收?|到|来|没|未|已经?|待|正在|在"
    r"|路上|运输|刚刚?才?|上一?次|上|前面|前|之前|以前|后|最[近新早后贵]|最便宜|第|另|其他|别|同样?|有|和|跟"
    r"|这|那|都|全|好久|很|今天|昨[天儿个晚]|周|星期|礼拜|年|月|日|号|天|块|元|钱|不|多|少"
)
"""What stands before the goods, or before 那单 alone: 帮我取消刚才买的那单."""


def goods_pointed_at(text: str) -> str | None:
    """电视机 in 帮我看看电视机那单到哪了: what the customer calls the goods of that order. None: 那单 alone."""
    return next((goods for found in _POINTED_AT.finditer(text) if (goods := _without_lead_in(found[1]))), None)


def that_one(text: str) -> str | None:
    """纸尿裤 in 那个纸尿裤的: when the whole utterance may name an order by its goods."""
    found = _THAT_ONE.fullmatch(text.strip())
    return found[1] if found else None


def asked_on(text: str) -> str | None:
    """电饭煲 in 电饭煲呢 or 那电饭煲那个呢: goods and nothing else; the question is the one before. The goods may be
    misread: 没到 and 物流 look alike."""
    found = _ASKED_ON.fullmatch(text.strip())
    return found[1] if found else None


def _without_lead_in(words: str) -> str:
    start = before = 0
    while found := _LEAD_IN.match(words, start):
        before, start = start, found.end()
    # 上衣: what a name begins with may look like something else
    return words[before:] if len(words) - start == 1 else words[start:]


def named_in(text: str, names: Sequence[str]) -> list[int]:
    """Which of the names the text shares the longest run of Chinese characters with; two at least, or none is meant."""
    if text.startswith("不是"):
        return []
    lengths = [max(map(len, _shared_runs(text, name)), default=0) for name in names]
    longest = max(lengths, default=0)
    return [index for index, length in enumerate(lengths) if length == longest >= _SHORTEST_NAME]


def misspelt_in(word: str, names: Sequence[str]) -> list[int]:
    """Which of the names hold the word but for one character: 洗一机. Two characters are too few to tell."""
    length = len(word)
    if length <= _SHORTEST_NAME or not _CHINESE.fullmatch(word):
        return []
    return [
        index
        for index, name in enumerate(names)
        if any(
            sum(one != other for one, other in zip(word, name[start : start + length], strict=True)) == 1
            for start in range(len(name) - length + 1)
        )
    ]


def bought_misspelt_in(text: str, names: Sequence[str]) -> list[int]:
    """Which of the names hold, but for one character, what the text says was bought: 买的那个空气扎锅怎么还没到."""
    for found in _BOUGHT.finditer(text):
        for end in range(len(found[1]), _SHORTEST_NAME, -1):
            if meant := misspelt_in(found[1][:end], names):
                return meant
    return []


def is_name_of(word: str, name: str) -> bool:
    """Whether the word is goods of this name and nothing more, one character misspelt at most: 裙子, 纸尿库; not
    面膜过敏."""
    called = any(
        re.fullmatch(words, word) and any(meant in name for meant in goods) for words, goods in _CALLED.items()
    )
    longest = max(map(len, _shared_runs(word, name)), default=0)
    return called or longest >= max(_SHORTEST_NAME, len(word) - 1) or bool(misspelt_in(word, [name]))


def called_in(text: str, names: Sequence[str]) -> list[int]:
    """Which of the names hold goods that the text calls by another name."""
    words = [
        word
        for called, meant in _CALLED.items()
        # 空气炸锅 is no other 锅
        if re.search(f"(?:{called}){_GIVER}", text) and not any(word in text for word in meant)
        for word in meant
    ]
    return [index for index, name in enumerate(names) if any(word in name for word in words)]


def is_called(name: str, word: str) -> bool:
    """Whether goods of this name are meant by a word for them: their own (without what only a speaker adds, 红色, L码,
    and however they are spaced, T恤), or what they are called."""
    words = {word, re.sub(r"(?<=.)色$|\s*[号码]$", "", word)}
    for called, meant in _CALLED.items():
        if re.search(called, word) and not any(own in word for own in meant):
            words |= set(meant)
    spaceless = name.replace(" ", "").upper()
    return any(one in name or one.replace(" ", "").upper() in spaceless for one in words)


def _shared_runs(text: str, name: str) -> Iterator[str]:
    for run in _CHINESE.findall(name):
        for start in range(len(run)):
            for end in range(len(run), start + _SHORTEST_NAME - 1, -1):
                if run[start:end] in text:
                    yield run[start:end]
                    break
