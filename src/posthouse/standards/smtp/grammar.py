"""Paths, mailboxes, domains and xtext (RFC 5321 section 4.1.2, RFC 6531 section 3.3, RFC 3461 section 4).

An ``Address`` is made here and nowhere else from what a stranger said in a
command. What the standard does not allow raises ``ValueError``; the text of
the error is ours and never repeats the stranger's.

Every expression below is free of ambiguity, so that matching takes time
linear in the (already bounded) command line.
"""

import ipaddress
import re

import idna

from posthouse.mail.address import MAX_DOMAIN_OCTETS, MAX_LOCAL_OCTETS, MAX_PATH_OCTETS, Address

MAX_ENVID_OCTETS = 100  # RFC 3461 section 4.4
MAX_ORCPT_OCTETS = 500  # RFC 3461 section 4.2

_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]"
_UTEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u00a0-\U0010ffff]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_ASCII_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f-\x9f]|\\[\x20-\x7e])*"'
_LOCAL = rf"{_UTEXT}+(?:\.{_UTEXT}+)*|{_QUOTED}"
_LOOSE_DOMAIN = r"[A-Za-z0-9.\-\u00a0-\U0010ffff]+|\[[A-Za-z0-9.:\-]*\]"

_PLAIN_PATH = re.compile(rf"<({_ATEXT}+(?:\.{_ATEXT}+)*)@({_ASCII_DOMAIN})>(?: +(.*))?\Z", re.DOTALL)
"""What nearly every path is; a null path, a route, quotes, a literal or UTF-8 take the longer road."""
_ANY_PATH = re.compile(
    rf"<(?:((?:@(?:{_LOOSE_DOMAIN}),?)+):)?({_LOCAL})(?:@({_LOOSE_DOMAIN}))?>(?: +(.*))?\Z",
    re.DOTALL,
)
_MAILBOX = re.compile(rf"({_LOCAL})@({_LOOSE_DOMAIN})\Z")
_DOMAIN = re.compile(rf"{_ASCII_DOMAIN}\Z")
_QUOTED_PAIR = re.compile(r"\\(.)")

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_XUCHAR = re.compile(r"\\x\{([0-9A-F]{2,6})\}")


def parse_path(text: str) -> tuple[Address | None, str]:
    """A Reverse-path or Forward-path and what follows it; None is the null path ``<>``.

    A source route is accepted and ignored (RFC 5321 appendix C): what counts is
    the last mailbox. ``<postmaster>`` alone needs no domain (section 4.1.1.3).
    """
    plain = _PLAIN_PATH.match(text)
    if plain:
        local, domain, rest = plain.groups()
        if len(local) <= MAX_LOCAL_OCTETS and len(local) + len(domain) < MAX_PATH_OCTETS - 2:
            return Address(local, domain.lower()), rest or ""
        raise ValueError("the path is too long")
    if text[:2] == "<>" and (len(text) == 2 or text[2] == " "):
        return None, text[3:]
    match = _ANY_PATH.match(text)
    if not match:
        raise ValueError("not a path")
    route, local, domain, rest = match.groups()
    if route:
        _check_route(route)
    if domain is None:
        if local.lower() != "postmaster":
            raise ValueError("an address needs a domain")
        return Address(local, ""), rest or ""
    return _address(local, domain), rest or ""


def parse_mailbox(text: str) -> Address:
    """A Mailbox, ``local@domain`` without angle brackets (RFC 5321 section 4.1.2)."""
    match = _MAILBOX.match(text)
    if not match:
        raise ValueError("not a mailbox")
    return _address(match[1], match[2])


def parse_domain(text: str) -> str:
    """A Domain in lower-case A-label form, or an address-literal in its canonical spelling."""
    if text.startswith("["):
        return _literal(text)
    if not text.isascii():
        text = _a_labels(text)
    if len(text) > MAX_DOMAIN_OCTETS or not _DOMAIN.match(text):
        raise ValueError("not a domain")
    return text.lower()


def _address(local: str, domain: str) -> Address:
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise ValueError("the local-part is too long")
    name = parse_domain(domain)
    if len(local.encode()) + len(name) + 1 > MAX_PATH_OCTETS - 2:
        raise ValueError("the path is too long")
    return Address(_unquote(local), name)


def _unquote(local: str) -> str:
    """The local-part as meant: a quoted-pair stands for its character (RFC 5321 section 4.1.2)."""
    if not local.startswith('"'):
        return local
    meant = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    if not meant:  # CVE-2020-10967: a mailbox without a name is nobody's
        raise ValueError("an empty local-part")
    return meant


def _check_route(route: str) -> None:
    for hop in route.split(","):
        if not hop.startswith("@"):
            raise ValueError("not a source route")
        parse_domain(hop[1:])


def _a_labels(text: str) -> str:
    """U-labels as A-labels (RFC 5890 section 2.3.2.1), bounded before the costly part."""
    if len(text.encode()) > MAX_DOMAIN_OCTETS:
        raise ValueError("the domain is too long")
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError("not an internationalized domain") from error


def _literal(text: str) -> str:
    """An address-literal (RFC 5321 section 4.1.3): IPv4, or IPv6 with its tag. No other tag is registered."""
    inner = text[1:-1]
    if inner[:5].lower() == "ipv6:":
        return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
    return f"[{ipaddress.IPv4Address(inner)}]"


def parse_xtext(text: str) -> str:
    """xtext, decoded (RFC 3461 section 4). What is encoded must be printable ASCII, or it could forge a line."""
    if not _XTEXT.match(text):
        raise ValueError("not xtext")
    decoded = _HEXCHAR.sub(lambda match: chr(int(match[1], 16)), text) if "+" in text else text
    if not _PRINTABLE.match(decoded):
        raise ValueError("xtext hides a character that is not printable")
    return decoded


def format_xtext(text: str) -> str:
    """Printable ASCII as xtext (RFC 3461 section 4)."""
    if not _PRINTABLE.match(text):
        raise ValueError("xtext carries printable ASCII only")
    return "".join(f"+{ord(char):02X}" if char in "+= " else char for char in text)


def parse_unitext(text: str) -> str:
    r"""utf-8-addr-xtext or utf-8-addr-unitext, decoded: ``\x{20AC}`` stands for its character (RFC 6533 section 3)."""
    decoded = _XUCHAR.sub(lambda match: _scalar(int(match[1], 16)), text)
    if "\\" in _XUCHAR.sub("", text) or any(not char.isprintable() for char in decoded):
        raise ValueError("not a UTF-8 address")
    return decoded


def format_unitext(text: str) -> str:
    r"""An internationalized address in ASCII: utf-8-addr-xtext (RFC 6533 section 3)."""
    return "".join(char if "!" <= char <= "~" and char not in "\\+=" else f"\\x{{{ord(char):02X}}}" for char in text)


def _scalar(number: int) -> str:
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise ValueError("not a character")
    return chr(number)
