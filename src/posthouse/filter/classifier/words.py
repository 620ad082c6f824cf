"""The words of a text, linear and bounded: what a reader sees, not how it was written."""

import re
import unicodedata
from typing import Final

LONGEST: Final = 24
"""Characters of a word; a longer run of letters is none."""

_WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]{2,23}(?![^\W_])")


def _word_octet(code: int, charset: str) -> int:
    """What becomes of an octet: a letter or digit in lower case, or a space."""
    character = bytes((code,)).decode(charset, "replace")
    is_part = character.isalnum() and unicodedata.is_normalized("NFKC", character)
    return character.lower().encode(charset)[0] if is_part else 0x20


_WESTERN = tuple(
    [
        (charset, bytes([_word_octet(code, charset) for code in range(256)]))
        for charset in ("latin-1", "cp1252")  # the first costs a third of the second, which has quotation marks too
    ]
)
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]+"
)
"""What takes no room, and is put into words so that no filter knows them."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
"""Scripts that put no space between words: every two characters are one."""
_HOST = re.compile(r"https?:/{1,4}(?:[^\s/@\"'<>?#]{1,64}@)?([\w.-]{4,253})")
_NUMBER = re.compile(r"[\d.]+\Z")
MOST_HOSTS: Final = 50
URL_CHARACTERS: Final = 320
"""Looked at from the colon on."""
MOST_PAIRS: Final = 300


def words_of(text: str, most: int) -> list[str]:
    """The first ``most`` different words of a text, in order and in lower case."""
    for charset, to_words in _WESTERN:  # in one octet a character, which is ten times as fast
        try:
            octets = text.encode(charset)
        except UnicodeEncodeError:
            continue
        if b"\xad" in octets:  # the soft hyphen is invisible
            break
        runs = dict.fromkeys(octets.translate(to_words).decode(charset).split())
        return [one for one in runs if 2 < len(one) <= LONGEST and one[0] > "9"][:most]
    text = plain(text)
    return list(dict.fromkeys(_WORD.findall(text)) | _pairs(text))[:most]


def plain(text: str) -> str:
    """Lower case, compatibility forms and invisible characters gone (fullwidth, ligatures, "styled" letters)."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))
    return text.lower()


def _pairs(text: str) -> dict[str, None]:
    found: dict[str, None] = {}
    for match in _UNSPACED.finditer(text):
        run = match[0][: MOST_PAIRS + 1]
        found.update(dict.fromkeys(run[at : at + 2] for at in range(len(run) - 1)))
        if len(found) > MOST_PAIRS:
            break
    return found


def hosts_of(text: str) -> list[str]:
    """Where the first ``MOST_HOSTS`` links in a text lead: each host, and the domain that it is in."""
    found: dict[str, None] = {}
    at = text.find(":/")
    for _ in range(MOST_HOSTS):
        if at < 0:
            break
        match = _HOST.search(text[max(at - 5, 0) : at + URL_CHARACTERS].lower())
        bare = match[1].strip(".-") if match is not None else ""
        if _NUMBER.match(bare):
            found["an address"] = None
        elif bare:
            found[bare[:80]] = None
            found[".".join(bare.rsplit(".", 2)[-2:])[:80]] = None
        at = text.find(":/", at + 2)
    return list(found)
