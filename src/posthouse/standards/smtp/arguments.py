"""What stands behind a verb, as an event or as the refusal of one (RFC 5321 section 4.1.1, RFC 3207, RFC 4954).

The grammar of MAIL and RCPT is in ``parameters``; BDAT is read by the server
itself, since octets follow it that are no command.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import partial

from posthouse.mail.envelope import Body
from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.content import DotReader, Inspection
from posthouse.standards.smtp.events import (
    AuthStart,
    Event,
    Hello,
    Help,
    Malformed,
    Noop,
    Quit,
    Reset,
    StartContent,
    StartTls,
    Verify,
)
from posthouse.standards.smtp.parameters import parse_mail, parse_rcpt
from posthouse.standards.smtp.standing import Standing

_HELLO_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.:\[\]]{1,255}\Z")
"""Domain or address-literal (RFC 5321 section 4.1.1.1), with what real hosts call themselves: never ``<>()";\\``."""


def _hello(standing: Standing, argument: str, *, verb: str) -> Event:
    if (verb == "LHLO") is not standing.offer.lmtp:
        return refusals.UNKNOWN  # RFC 2033 section 4.1
    return Hello(verb, argument) if _HELLO_NAME.match(argument) else refusals.BAD_NAME


def _mail(standing: Standing, argument: str) -> Event:
    return parse_mail(argument, standing.offer)


def _rcpt(standing: Standing, argument: str) -> Event:
    transaction = standing.transaction
    if transaction is None:
        return refusals.MAIL_FIRST
    transaction.tried = True
    return parse_rcpt(argument, utf8=transaction.mail.utf8)


def _data(standing: Standing, argument: str) -> Event:
    transaction = standing.transaction
    if argument or transaction is None:
        return refusals.NO_ARGUMENT
    if transaction.mail.body is Body.BINARY:
        return refusals.NEEDS_BDAT  # RFC 3030 section 3
    transaction.reader = DotReader(Inspection(standing.offer))
    return StartContent(chunked=False)


def _reset(_standing: Standing, argument: str) -> Event:
    return refusals.NO_ARGUMENT if argument else Reset()


def _noop(_standing: Standing, _argument: str) -> Event:
    return Noop()


def _vrfy(_standing: Standing, argument: str) -> Event:
    if not argument:
        return refusals.ARGUMENT
    return Verify(argument)


def _help(_standing: Standing, _argument: str) -> Event:
    return Help()


def _quit(_standing: Standing, argument: str) -> Event:
    return refusals.NO_ARGUMENT if argument else Quit()


def _starttls(standing: Standing, argument: str) -> Event:
    if argument:
        return refusals.NO_ARGUMENT  # RFC 3207 section 4
    if standing.under_tls:
        return refusals.ALREADY_SECURE
    return StartTls() if standing.offer.starttls else refusals.NOT_IMPLEMENTED


def _auth(standing: Standing, argument: str) -> Event:
    refusal = _may_not_authenticate(standing)
    if refusal is not None:
        return refusal
    mechanism, space, initial = argument.partition(" ")
    if not mechanism:
        return refusals.ARGUMENT
    if mechanism.upper() not in standing.offer.mechanisms:
        return refusals.UNKNOWN_MECHANISM
    if not space:
        return AuthStart(mechanism.upper(), None)
    if initial == "=":
        return AuthStart(mechanism.upper(), b"")  # RFC 4954 section 4
    octets = parse_base64(initial)
    return AuthStart(mechanism.upper(), octets) if octets else refusals.BAD_BASE64


def _may_not_authenticate(standing: Standing) -> Malformed | None:
    if not standing.offer.mechanisms:
        return refusals.NO_LOGIN
    if standing.authenticated:
        return refusals.ALREADY_KNOWN
    return None if standing.under_tls else refusals.LOGIN_NEEDS_TLS


READERS: Mapping[str, Callable[[Standing, str], Event]] = {
    "EHLO": partial(_hello, verb="EHLO"),
    "HELO": partial(_hello, verb="HELO"),
    "LHLO": partial(_hello, verb="LHLO"),
    "MAIL": _mail,
    "RCPT": _rcpt,
    "DATA": _data,
    "RSET": _reset,
    "NOOP": _noop,
    "VRFY": _vrfy,
    "HELP": _help,
    "QUIT": _quit,
    "STARTTLS": _starttls,
    "AUTH": _auth,
}


def is_one_trip(argument: str) -> bool:
    """PLAIN with its response at once needs no waiting (RFC 4954 section 4)."""
    return argument[:6].upper() == "PLAIN "


def parse_base64(text: str) -> bytes | None:
    """Strict base64 (RFC 4954 section 4, RFC 4648 section 3.3), None if it is not."""
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None
