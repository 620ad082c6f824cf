"""Whose field it is: every way to write our own name must be known, because what claims it is trusted.

SECURITY. A field from outside that a reader could take for ours is removed on
arrival (RFC 8601 section 5). Readers differ, so this errs on the side of
removal: case, quotes, comments, blanks, escapes, a last dot, encoded words,
U-labels, look-alike full-width letters and invisible characters change
nothing, and neither does what follows the name.
"""

import re
import unicodedata
from itertools import accumulate

from posthouse.standards.mime.encodedword import decode_words

MAX_HEAD = 4096
"""A name that begins later than this is not one that anybody would read."""
MAX_WORDS = 24
MAX_MARKS = 50
"""Brackets, quotes and escapes before the end of a name. Whoever needs more is taken to claim ours."""
MAX_A_LABELS = 4
"""The same of labels that stand for others."""
MAX_NAME = 600
"""Letters of a name with all that may be hidden in it; a domain name has 253."""

_QUIET = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_BETWEEN = re.compile(r"[\s;/=()<>,]+")
_COMMENT_STEP = re.compile(r"\\.|[()\";]", re.DOTALL)
_ODD = re.compile(r"[(\"\\]")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...", '"\\')
_A_LABEL = "xn--"


def is_claimed_by(field: bytes, authserv_id: str) -> bool:
    """Whether ``field`` (the value, folded or not) could be read as one that ``authserv_id`` has written."""
    ours = canonical(authserv_id)
    text = field[:MAX_HEAD].decode("utf-8", "replace")
    if _names(text.partition(";")[0], ours):
        return True
    if _ODD.search(text):
        head = _head(text)
        if head is None or _names(head, ours):
            return True
    return "=?" in text and _names(decode_words(field[:MAX_HEAD]).partition(";")[0], ours)


def canonical(name: str) -> str:
    """A name as all its spellings have it: U-labels, folded, without quotes, blanks and the last dot.

    Not by the rules of IDNA, which say what is a name: a thousand fields full of words that are none cost seconds.
    """
    return _decoded(_folded(_QUIET.sub("", name).strip()))


def _folded(text: str) -> str:
    """One case, one spelling, one kind of dot, no quotes."""
    if text.isascii():
        return text.translate(_DOTS).lower()
    text = _QUIET.sub("", unicodedata.normalize("NFKC", text)).translate(_DOTS)
    return unicodedata.normalize("NFKC", text.casefold())


def _decoded(text: str) -> str:
    """Without A-labels and the last dot."""
    if _A_LABEL in text:
        text = ".".join([_u_label(label) for label in text.split(".")])
    return text.rstrip(".")


def _u_label(label: str) -> str:
    """An A-label as people may see it, one that was written in a non-canonical way like the others."""
    if not label.startswith(_A_LABEL):
        return label
    try:
        return _folded(label.removeprefix(_A_LABEL).encode("ascii").decode("punycode"))
    except (UnicodeError, OverflowError):
        return label


def _names(head: str, ours: str) -> bool:
    """Whether one of the first words, or some of them run together, is ``ours``."""
    head = _QUIET.sub("", head)
    a_labels = head.lower().count(_A_LABEL)
    if a_labels > MAX_A_LABELS:
        return True
    if head.isascii() and not a_labels and ours not in _BETWEEN.sub("", head).translate(_DOTS).lower():
        return False
    words = [_folded(word) for word in _BETWEEN.split(head)[:MAX_WORDS] if 0 < len(word) <= MAX_NAME]
    if any(_decoded(word) == ours for word in words):
        return True
    return any(_decoded(joined) == ours for joined in accumulate(words) if len(joined) <= MAX_NAME)


def _head(text: str) -> str | None:
    """What stands before the first semicolon that is neither quoted nor in a comment; the comments left out.

    None when there are too many of them to say.
    """
    pieces: list[str] = []
    depth, quoted, start = 0, False, 0
    for count, match in enumerate(_COMMENT_STEP.finditer(text)):
        mark = match[0]
        if count >= MAX_MARKS:
            return None
        if mark == '"' and depth == 0:
            quoted = not quoted
        elif mark == "(" and not quoted:
            if depth == 0:
                pieces.append(text[start : match.start()])
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
            start = match.end()
        elif mark == ";" and not quoted and depth == 0:
            return "".join(pieces) + text[start : match.start()]
    return "".join(pieces) + ("" if depth else text[start:])
