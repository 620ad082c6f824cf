"""The words of a text, linear and bounded: what a reader sees, not how it was written."""

import re
import unicodedata
from typing import Final

LONGEST: Final = 24
"""Characters of a word; a longer run of letters is none."""

_WORD = re.compile(r"(?<![^\W_])[^\W\d_][^\W_]{2,23}(?![^\W_])")
_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]+"
)
"""What takes no room, and is put into words so that no filter knows them."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
"""Scripts that put no space between words: every two characters are one."""
_HOST = re.compile(r"https?:/{1,4}(?:[^\s/@\"'<>?#]{1,64}@)?([\w.-]{4,253})")
_NUMBER = re.compile(r"[\d.]+\Z")
MOST_HOSTS: Final = 50
MOST_PAIRS: Final = 300


def plain(text: str) -> str:
    """Lower case, compatibility forms and invisible characters gone (fullwidth, ligatures, "styled" letters)."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))
    return text.lower()


def words_of(text: str, most: int) -> list[str]:
    """The first ``most`` different words of a ``plain`` text, in order."""
    if text.isascii():  # three times as fast
        runs = dict.fromkeys(text.translate(_SEPARATORS).split())
        found = [one for one in runs if 2 < len(one) <= LONGEST and one[0] > "9"]
    else:
        found = list(dict.fromkeys(_WORD.findall(text)) | _pairs(text))
    return found[:most]


def _pairs(text: str) -> dict[str, None]:
    found: dict[str, None] = {}
    for match in _UNSPACED.finditer(text):
        run = match[0][: MOST_PAIRS + 1]
        found.update(dict.fromkeys(run[at : at + 2] for at in range(len(run) - 1)))
        if len(found) > MOST_PAIRS:
            break
    return found


def hosts_of(text: str) -> list[str]:
    """Where the links in a ``plain`` text lead: each host, and the domain that it is in."""
    if "://" not in text and ":/" not in text:
        return []
    hosts = dict.fromkeys(_HOST.findall(text))
    found: dict[str, None] = {}
    for host in list(hosts)[:MOST_HOSTS]:
        bare = host.strip(".-")
        if _NUMBER.match(bare):
            found["an address"] = None
            continue
        found[bare[:80]] = None
        found[".".join(bare.rsplit(".", 2)[-2:])[:80]] = None
    return list(found)
