# ruff: noqa: RUF001 - the letters in the table are meant to be mistaken for others
"""Names made to be mistaken for others: lookalike domains, mixed alphabets, addresses in display names (threat D10)."""

import re
import unicodedata
from collections.abc import Iterable

import idna

from posthouse.lib.lru import Lru

_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:@]+@([^\s<>\"'(),;:@]+)")
_LIKE = str.maketrans({
    "0": "o", "1": "l", "|": "l", "3": "e", "5": "s", "i": "l", "q": "g",
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "l", "ј": "j", "ѕ": "s", "ԁ": "d",
    "ɡ": "g", "һ": "h", "к": "k", "м": "m", "т": "t", "в": "b", "н": "h", "ԛ": "g", "ԝ": "w", "ӏ": "l", "г": "r",
    "α": "a", "ο": "o", "ν": "v", "ρ": "p", "ι": "l", "κ": "k", "υ": "u", "τ": "t", "χ": "x", "γ": "y", "ε": "e",
    "ı": "l", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ß": "ss", "æ": "ae", "œ": "oe", "ɑ": "a", "ʟ": "l", "-": "",
})  # fmt: skip
"""Letters that are read as others; a small part of Unicode TR 39, the part that is used."""
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))
_TOGETHER = ({"CJK", "HIRAGANA", "KATAKANA", "LATIN"}, {"CJK", "HANGUL", "LATIN"}, {"CJK", "BOPOMOFO", "LATIN"})
"""Alphabets that are written together (Unicode TR 39 section 5.2, highly restrictive)."""
MOST_SEEN = 5000
LEAST_LETTERS = 5
"""Of a name that a single other letter makes a lookalike; shorter ones differ by chance."""


class Likenesses:
    """What was found out about the looks of a domain, as long as the ``known`` ones stay the same."""

    __slots__ = ("_known", "_seen")

    def __init__(self) -> None:
        self._known: Iterable[str] = ()
        self._seen: Lru[str, tuple[str, bool]] = Lru(MOST_SEEN)

    def of(self, domain: str, known: Iterable[str]) -> tuple[str, bool]:
        """The domain that it imitates, if any, and whether it mixes alphabets."""
        if known is not self._known:
            self._known, self._seen = known, Lru(MOST_SEEN)
        seen = self._seen.get(domain)
        if seen is None:
            seen = imitated(domain, known), mixes_scripts(domain)
            self._seen.put(domain, seen)
        return seen


def has_hidden(text: str) -> bool:
    """Whether characters in it cannot be seen or turn the direction of what follows."""
    if text.isascii() and text.isprintable():
        return False
    return _HIDDEN.search(text) is not None


def imitated(domain: str, known: Iterable[str]) -> str:
    """The domain of ``known`` that ``domain`` could be taken for, empty if there is none."""
    shown = _u_label(domain)
    mine = skeleton(shown)
    for other in known:
        other_shown = _u_label(other)
        if are_related(domain, other):
            continue
        theirs = skeleton(other_shown)
        if mine == theirs or _is_near(shown, other_shown) or _is_near(mine, theirs):
            return other
    return ""


def skeleton(text: str) -> str:
    """What a hurried eye sees: accents gone, lookalike letters made one."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark)).translate(_LIKE)
    for pair, one in _PAIRS:
        plain = plain.replace(pair, one)
    return plain


def mixes_scripts(domain: str) -> bool:
    """Whether one label is written in alphabets that nobody writes together, or borrows letters to look Latin."""
    return any(_is_mixed(label) for label in _u_label(domain).split(".") if not label.isascii())


def shows_other_address(name: str, address: str) -> bool:
    """Whether a display name holds an address of another domain than the real one."""
    if _is_plain(name):
        return False
    plain = _HIDDEN.sub("", unicodedata.normalize("NFKC", name))[:2000]
    real = address.rpartition("@")[2].lower()
    return any(not are_related(found[1].lower().strip("."), real) for found in _ADDRESS.finditer(plain))


def _is_plain(text: str) -> bool:
    """Whether nothing in it could be an address, however it is written."""
    return text.isascii() and "@" not in text


def _is_mixed(label: str) -> bool:
    scripts = {unicodedata.name(mark, "?").split(" ")[0] for mark in label if mark.isalpha()}
    if len(scripts) > 1:
        return not any(scripts <= together for together in _TOGETHER)
    return scripts in ({"CYRILLIC"}, {"GREEK"}) and skeleton(label).isascii()


def _is_near(one: str, other: str) -> bool:
    """Whether one changed, added, lost or swapped letter makes one of the other."""
    if min(len(one), len(other)) < LEAST_LETTERS + 3 or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, others = one[start:], other[start:]
    swapped = rest[:2] == others[1::-1] and rest[2:] == others[2:]
    return rest[1:] == others[1:] or rest[1:] == others or rest == others[1:] or swapped


def are_related(one: str, other: str) -> bool:
    """Whether one domain is the other or below it."""
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def _u_label(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
