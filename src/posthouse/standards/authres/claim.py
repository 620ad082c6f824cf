"""Whose field it is: every way to write our own name must be known, because what claims it is trusted.

SECURITY. A field from outside that a reader could take for ours is removed on
arrival (RFC 8601 section 5). Readers differ, so this errs on the side of
removal: case, quotes, comments, blanks, escapes, a last dot, encoded words,
U-labels, look-alike full-width letters and invisible characters change
nothing, and neither does what follows the name.
"""

import re
import unicodedata

import idna

from posthouse.standards.mime.encodedword import decode_words

MAX_HEAD = 4096
"""A name that begins later than this is not one that anybody would read."""
MAX_WORDS = 24

_QUIET = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_COMMENT_STEP = re.compile(r"\\.|[()\";]", re.DOTALL)
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


def is_claimed_by(field: bytes, authserv_id: str) -> bool:
    """Whether ``field`` (the value, folded or not) could be read as one that ``authserv_id`` has written."""
    ours = canonical(authserv_id)
    text = field[:MAX_HEAD].decode("utf-8", "replace")
    heads = (_head(text), text.partition(";")[0], decode_words(field[:MAX_HEAD]).partition(";")[0])
    return any(_names(head, ours) for head in heads)


def canonical(name: str) -> str:
    """A name as all its spellings have it: A-labels, lower case, without quotes, blanks and the last dot."""
    text = _QUIET.sub("", unicodedata.normalize("NFKC", name)).translate(_DOTS)
    text = text.replace('"', "").replace("\\", "").strip().lower().rstrip(".")
    if text.isascii():
        return _decoded(text)
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return text


def _decoded(text: str) -> str:
    """An A-label that was written in a non-canonical way comes out like the others."""
    if "xn--" not in text:
        return text
    try:
        return idna.encode(idna.decode(text), uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return text


def _names(head: str, ours: str) -> bool:
    """Whether one of the first words, or some of them run together, is ``ours``."""
    words = re.split(r"[\s;/=()<>,]+", _QUIET.sub("", head))[:MAX_WORDS]
    words = [word for word in words if word]
    if any(canonical(word) == ours for word in words):
        return True
    joined = ""
    for word in words:
        joined += word
        if canonical(joined) == ours:
            return True
    return False


def _head(text: str) -> str:
    """What stands before the first semicolon that is neither quoted nor in a comment; the comments left out."""
    pieces: list[str] = []
    depth, quoted, start = 0, False, 0
    for match in _COMMENT_STEP.finditer(text):
        mark = match[0]
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
