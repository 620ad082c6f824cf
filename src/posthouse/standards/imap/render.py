"""Responses to octets (RFC 9051 section 9)."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

from posthouse.lib.sansio import LocalError, Piece
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.text import format_mailbox, format_string

COPIED_OCTETS = 64 * 1024
"""Of a section in memory; a larger one stands as it is."""
_TEXT = re.compile(r"[^\x20-\x7e]")
_SAFE = re.compile(r"[\x20-\x7e]*")


def render(response: r.Response, *, utf8: bool = False) -> list[Piece]:
    """The pieces of ``response``. ``utf8``: the client has enabled UTF-8 in quoted strings."""
    return _RENDERERS[type(response)](response, utf8)


def _line(*parts: bytes) -> list[Piece]:
    return [b"".join((*parts, b"\r\n"))]


def _atoms(words: Iterable[str]) -> bytes:
    """Words of ours, checked: what has a control or is not ASCII is a bug."""
    text = " ".join(words)
    if not _SAFE.fullmatch(text):
        raise LocalError(f"not an atom: {text!r}")
    return text.encode("ascii")


def _text(text: str, code: str) -> bytes:
    """``resp-text``: an optional code, and text that a person may read, without what could end the line."""
    human = _TEXT.sub("?", text).encode("ascii") or b"."
    if not code:
        return human if human[0] != 0x5B else b"." + human
    if "]" in code:
        raise LocalError(f"not a response code: {code!r}")
    return b"[%b] %b" % (_atoms([code]), human)


def _tagged(response: r.Tagged, _utf8: bool) -> list[Piece]:
    return _line(
        _atoms([response.tag, response.condition.value]), b" ", _text(response.text, response.code)
    )  # fmt: skip


def _notice(response: r.Notice, _utf8: bool) -> list[Piece]:
    return _line(b"* ", response.condition.value.encode(), b" ", _text(response.text, response.code))


def _bye(response: r.Bye, _utf8: bool) -> list[Piece]:
    return _line(b"* BYE ", _text(response.text, response.code))


def _continuation(response: r.Continuation, _utf8: bool) -> list[Piece]:
    return _line(b"+ ", _text(response.text, ""))


def _challenge(response: r.Challenge, _utf8: bool) -> list[Piece]:
    return _line(b"+ ", b64encode(response.octets))


def _enabled(response: r.Enabled, _utf8: bool) -> list[Piece]:
    names = (name.replace("IMAP4REV2", "IMAP4rev2") for name in response.capabilities)
    return _line(_atoms(["* ENABLED", *names]))


def _id(response: r.Id, _utf8: bool) -> list[Piece]:
    if not response.pairs:
        return _line(b"* ID NIL")
    words = (format_string(text.encode()) for pair in response.pairs for text in pair)
    return _line(b"* ID (", b" ".join(words), b")")


def _namespaces(response: r.Namespaces, utf8: bool) -> list[Piece]:
    prefix = format_mailbox(response.prefix, utf8=utf8)
    return _line(b"* NAMESPACE ((", prefix, b" ", format_string(response.delimiter.encode()), b")) NIL NIL")


def _listed(response: r.Listed, utf8: bool) -> list[Piece]:
    name = format_mailbox(response.name, utf8=utf8)
    extended = []
    if response.child_info:
        infos = b" ".join(format_string(info.encode()) for info in response.child_info)
        extended.append(b'"CHILDINFO" (%b)' % infos)
    if response.old_name:
        extended.append(b'"OLDNAME" (%b)' % format_mailbox(response.old_name, utf8=utf8))
    return _line(
        b"* LSUB (" if response.lsub else b"* LIST (",
        _atoms(response.attributes),
        b") ",
        format_string(response.delimiter.encode()),
        b" ",
        name,
        b" (%b)" % b" ".join(extended) if extended else b"",
    )


def _status(response: r.StatusOf, utf8: bool) -> list[Piece]:
    items = _atoms(f"{name} {number}" for name, number in response.items)
    return _line(b"* STATUS ", format_mailbox(response.name, utf8=utf8), b" (", items, b")")


def _found(response: r.Found, _utf8: bool) -> list[Piece]:
    modseq = "" if response.modseq is None or not response.numbers else f" (MODSEQ {response.modseq})"
    return _line(" ".join(["* SEARCH", *map(str, response.numbers)]).encode() + modseq.encode())


def _esearch(response: r.Esearch, _utf8: bool) -> list[Piece]:
    words = [b"* ESEARCH (TAG ", format_string(_atoms([response.tag])), b")", b" UID" if response.by_uid else b""]
    for name in ("min", "max", "count", "all", "modseq"):
        value = getattr(response, name)
        if value is not None and value != "":
            words.append(_atoms([f" {name.upper()} {value}"]))
    return _line(*words)


def _flags(response: r.Flags, _utf8: bool) -> list[Piece]:
    return _line(b"* FLAGS (", _atoms(response.flags), b")")


def _exists(response: r.Exists, _utf8: bool) -> list[Piece]:
    return [b"* %d EXISTS\r\n" % response.count]


def _recent(response: r.Recent, _utf8: bool) -> list[Piece]:
    return [b"* %d RECENT\r\n" % response.count]


def _expunged(response: r.Expunged, _utf8: bool) -> list[Piece]:
    return [b"* %d EXPUNGE\r\n" % response.number]


def _vanished(response: r.Vanished, _utf8: bool) -> list[Piece]:
    return _line(b"* VANISHED (EARLIER) " if response.earlier else b"* VANISHED ", _atoms([response.uids]))


def _fetched(response: r.Fetched, _utf8: bool) -> list[Piece]:
    """One piece where there is no section; stored octets stay apart, and what is too much to be copied."""
    pieces: list[Piece] = []
    pending = [b"* %d FETCH (" % response.number]
    for index, attribute in enumerate(response.attributes):
        if index:
            pending.append(b" ")
        if isinstance(attribute, bytes):
            pending.append(attribute)
        elif attribute.pieces is None:
            pending.append(attribute.label + b" NIL")
        else:
            mark = b"%b ~{%d}\r\n" if attribute.binary else b"%b {%d}\r\n"
            pending.append(mark % (attribute.label, r.body_length(attribute.pieces)))
            for piece in attribute.pieces:
                if isinstance(piece, bytes) and len(piece) <= COPIED_OCTETS:
                    pending.append(piece)
                else:
                    pieces += [b"".join(pending), piece]
                    pending = []
    pending.append(b")\r\n")
    pieces.append(b"".join(pending))
    return pieces


_RENDERERS: dict[type, Callable[[Any, bool], list[Piece]]] = {
    r.Tagged: _tagged,
    r.Notice: _notice,
    r.Bye: _bye,
    r.Continuation: _continuation,
    r.Challenge: _challenge,
    r.Enabled: _enabled,
    r.Id: _id,
    r.Namespaces: _namespaces,
    r.Listed: _listed,
    r.StatusOf: _status,
    r.Found: _found,
    r.Esearch: _esearch,
    r.Flags: _flags,
    r.Exists: _exists,
    r.Recent: _recent,
    r.Expunged: _expunged,
    r.Vanished: _vanished,
    r.Fetched: _fetched,
}
