"""Reading the field: anybody may have written it (RFC 8601 section 2.2).

Linear and without recursion; at most 100 results of 50 properties. Comments
are passed over, but for the one after a result, which is kept for people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from posthouse.standards.authres.results import AuthenticationResults, MethodResult, Property

MAX_OCTETS = 64 * 1024
MAX_RESULTS = 100
MAX_PROPERTIES = 50

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]++)|(?P<quoted>\"(?:[^\"\\]++|\\.)*+\")"
    r"|(?P<open>\()|(?P<mark>[;=/])|(?P<word>[^ \t\r\n\"(;=/]++)",
    re.DOTALL,
)
_COMMENT_STEP = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,4}\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, quoted string, mark or comment; ``apart`` when blanks or a comment stand before it."""

    kind: str
    text: str
    apart: bool


def parse_results(octets: bytes) -> AuthenticationResults:
    """The value of a field (what follows the colon); raises ``ValueError`` when it is none."""
    if len(octets) > MAX_OCTETS:
        raise ValueError("too long")
    segments = _segments(tokens(octets.decode("utf-8", "replace")))
    head = [one for one in segments[0] if one.kind != "comment"]
    if not head:
        raise ValueError("no authserv-id")
    name, rest = _value(head, 0)
    version = 1
    if rest < len(head):
        if not _DIGITS.match(head[rest].text) or rest + 1 < len(head):
            raise ValueError("bad version")
        version = int(head[rest].text)
    if version != 1:
        raise ValueError("unknown version")  # RFC 8601 section 2.2: only version 1 is understood
    if len(segments) > MAX_RESULTS:
        raise ValueError("too many results")
    results = [_result(segment) for segment in segments[1:] if any(one.kind != "comment" for one in segment)]
    if not results:
        raise ValueError("no result")
    return AuthenticationResults(name, tuple([one for one in results if one is not None]), version)


def tokens(text: str) -> Iterator[Token]:
    """The words of a structured field; raises ``ValueError`` for an unclosed quote or comment."""
    position, apart = 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError("an unclosed quote")
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "blank":
            apart = True
        elif kind == "open":
            start, position = position, _end_of_comment(text, position)
            yield Token("comment", _ESCAPE.sub(r"\1", text[start : position - 1]), apart)
            apart = True
        else:
            found = _ESCAPE.sub(r"\1", match[0][1:-1]) if kind == "quoted" else match[0]
            yield Token(kind, found, apart)
            apart = False


def _end_of_comment(text: str, position: int) -> int:
    depth = 1
    for match in _COMMENT_STEP.finditer(text, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    raise ValueError("an unclosed comment")


def _segments(found: Iterator[Token]) -> list[list[Token]]:
    segments: list[list[Token]] = [[]]
    for one in found:
        if one.kind == "mark" and one.text == ";":
            segments.append([])
        else:
            segments[-1].append(one)
    return segments


def _result(segment: list[Token]) -> MethodResult | None:
    """One ``resinfo``, None for ``none``."""
    words = [one for one in segment if one.kind != "comment"]
    if [one.text.lower() for one in words] == ["none"]:
        return None
    method, at = _key(words, 0)
    result, at = _value(words, at)
    name, _, version = method.partition("/")
    if version and not _DIGITS.match(version):
        raise ValueError("bad method version")
    reason, properties = "", list[Property]()
    while at < len(words):
        key, at = _key(words, at)
        value, at = _value(words, at)
        kind, dot, what = key.partition(".")
        if key == "reason":
            reason = value
        elif dot and len(properties) < MAX_PROPERTIES:  # large receivers write others (action=none); they say nothing
            properties.append(Property(kind, what, value))
    comment = next((one.text for one in segment if one.kind == "comment"), "")
    return MethodResult(name, result.lower(), reason, comment, tuple(properties), int(version or 1))


def _key(words: list[Token], at: int) -> tuple[str, int]:
    """Everything up to the equals sign, in lower case, and where the value begins."""
    start = at
    while at < len(words) and words[at].text != "=":
        if words[at].kind == "quoted":
            raise ValueError("a quoted string where a name should be")
        at += 1
    if at == start or at == len(words):
        raise ValueError("no equals sign")
    return "".join(one.text for one in words[start:at]).lower(), at + 1


def _value(words: list[Token], at: int) -> tuple[str, int]:
    """The value at ``at``: one token, or several without a blank between them (``"a b"@c.test``, ``ab/c==``)."""
    if at == len(words) or (words[at].kind == "mark" and words[at].text == "="):
        raise ValueError("no value")
    pieces = [words[at].text]
    at += 1
    while at < len(words) and not words[at].apart:
        pieces.append(words[at].text)
        at += 1
    return "".join(pieces), at
