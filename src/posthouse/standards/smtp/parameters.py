"""The arguments of MAIL and RCPT with the parameters of our extensions.

RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.1.11; SIZE RFC 1870, BODY RFC 6152
and RFC 3030, SMTPUTF8 RFC 6531, RET ENVID NOTIFY ORCPT RFC 3461, AUTH RFC 4954
section 5. A parameter is known and given once with a value it can have, or
the command is refused; none is ever passed over.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.standards.smtp import grammar, refusals
from posthouse.standards.smtp.events import MailFrom, Malformed, RcptTo
from posthouse.standards.smtp.offer import Offer

_ESMTP_PARAM = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([!-<>-~\u00a0-\U0010ffff]+))?\Z")
_SIZE = re.compile(r"[0-9]{1,20}\Z")  # RFC 1870 section 3
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]{1,32}\Z")

Readers = Mapping[str, tuple[str, Callable[[str | None], Any]]]


class Unacceptable(Exception):
    """The command is refused for its grammar; ``malformed`` is the event."""

    def __init__(self, malformed: Malformed) -> None:
        super().__init__(malformed.reply.text[0])
        self.malformed = malformed


def parse_mail(argument: str, offer: Offer) -> MailFrom:
    """``FROM:<path> [parameters]`` (RFC 5321 section 4.1.1.2)."""
    path, rest = _path(argument, "FROM:", refusals.BAD_SENDER)
    if path is not None and not path.domain:
        raise Unacceptable(refusals.BAD_SENDER)  # only a forward-path may be a bare <postmaster>
    if not rest:
        if not argument.isascii():
            raise Unacceptable(refusals.NEEDS_UTF8)
        return MailFrom(path)
    values = _parameters(rest, _MAIL)
    if values.get("size", 0) > offer.max_octets:
        raise Unacceptable(refusals.TOO_BIG)  # RFC 1870 section 6.1
    if "auth" in values and not offer.mechanisms:
        raise Unacceptable(refusals.UNKNOWN_PARAMETER)
    if "utf8" not in values and not argument.isascii():
        raise Unacceptable(refusals.NEEDS_UTF8)  # RFC 6531 section 3.5
    return MailFrom(path, **values)


def parse_rcpt(argument: str, *, utf8: bool) -> RcptTo:
    """``TO:<path> [parameters]`` (RFC 5321 section 4.1.1.3); ``utf8`` if MAIL said SMTPUTF8."""
    path, rest = _path(argument, "TO:", refusals.BAD_RECIPIENT)
    if path is None:
        raise Unacceptable(refusals.BAD_RECIPIENT)
    if not utf8 and not argument.isascii():
        raise Unacceptable(refusals.NEEDS_UTF8)
    if not rest:
        return RcptTo(Recipient(path))
    return RcptTo(Recipient(path, **_parameters(rest, _RCPT)))


def _path(argument: str, word: str, refusal: Malformed) -> tuple[Address | None, str]:
    start = len(word)
    if argument[:start].upper() != word:
        raise Unacceptable(refusals.ARGUMENT)
    if argument[start : start + 1] == " ":  # not allowed, but printers and scripts write it everywhere
        argument = argument[start:].lstrip(" ")
        start = 0
    try:
        return grammar.parse_path(argument[start:] if start else argument)
    except ValueError:
        raise Unacceptable(refusal) from None


def _parameters(text: str, readers: Readers) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in text.split(" "):
        if not parameter:
            continue
        match = _ESMTP_PARAM.match(parameter)
        if not match:
            raise Unacceptable(refusals.BAD_PARAMETER)
        keyword, value = match.groups()
        known = readers.get(keyword.upper())
        if known is None:
            raise Unacceptable(refusals.UNKNOWN_PARAMETER)  # RFC 5321 section 4.1.1.11
        name, read = known
        if name in values:
            raise Unacceptable(refusals.TWICE)
        try:
            values[name] = read(value)
        except (ValueError, KeyError):
            raise Unacceptable(refusals.BAD_PARAMETER) from None
    return values


def _given(value: str | None) -> str:
    if value is None:
        raise ValueError("a value is missing")
    return value


def _size(value: str | None) -> int:
    if not _SIZE.match(_given(value)):
        raise ValueError("not a size")
    return int(_given(value))


def _body(value: str | None) -> Body:
    return Body(_given(value).upper())


def _utf8(value: str | None) -> bool:
    if value is not None:
        raise ValueError("SMTPUTF8 takes no value")  # RFC 6531 section 3.4
    return True


def _ret(value: str | None) -> Return:
    return Return(_given(value).upper())


def _envid(value: str | None) -> str:
    text = _given(value)
    if len(text) > grammar.MAX_ENVID_OCTETS:
        raise ValueError("ENVID is too long")
    return grammar.parse_xtext(text)


def _auth(value: str | None) -> str:
    text = grammar.parse_xtext(_given(value))
    return text if text == "<>" else str(grammar.parse_mailbox(text))


_CONDITIONS = {"SUCCESS": Notify.SUCCESS, "FAILURE": Notify.FAILURE, "DELAY": Notify.DELAY}


def _notify(value: str | None) -> Notify:
    """NEVER alone, or a list of conditions, each once (RFC 3461 section 4.1)."""
    words = _given(value).upper().split(",")
    if words == ["NEVER"]:
        return Notify.NEVER
    wanted = Notify.NEVER
    for word in words:
        if _CONDITIONS[word] in wanted:
            raise ValueError("a condition is given twice")
        wanted |= _CONDITIONS[word]
    return wanted


def _orcpt(value: str | None) -> OriginalRecipient:
    """``addr-type;xtext`` (RFC 3461 section 4.2); the type ``utf-8`` has an encoding of its own (RFC 6533)."""
    text = _given(value)
    kind, semicolon, original = text.partition(";")
    if len(text.encode()) > grammar.MAX_ORCPT_OCTETS or not semicolon or not _ADDRESS_TYPE.match(kind):
        raise ValueError("not an original recipient")
    if kind.lower() == "utf-8":
        return OriginalRecipient("utf-8", grammar.parse_unitext(original))
    return OriginalRecipient(kind.lower(), grammar.parse_xtext(original))


_MAIL: Readers = {
    "SIZE": ("size", _size),
    "BODY": ("body", _body),
    "SMTPUTF8": ("utf8", _utf8),
    "RET": ("ret", _ret),
    "ENVID": ("envid", _envid),
    "AUTH": ("auth", _auth),
}
_RCPT: Readers = {"NOTIFY": ("notify", _notify), "ORCPT": ("original", _orcpt)}
