"""Whether a submitter may write in the names that a message carries (RFC 6409 section 6.1, threat A08)."""

import re
from collections.abc import Callable

from posthouse.filter.author import Ambiguous, author_of, has_false_from
from posthouse.mail.address import Address
from posthouse.mail.reply import Reply
from posthouse.standards.imf.address import Group, Mailbox, parse_addresses
from posthouse.standards.imf.header import Header
from posthouse.standards.mime.parameters import find_parameter, parse_parameters

Owns = Callable[[Address], bool]

ONE_FROM = Reply(550, "5.7.1", ("a message needs exactly one From field with an address in it",))
NOT_YOURS = Reply(550, "5.7.1", ("the From field names somebody you may not write for",))
SENDER_NOT_YOURS = Reply(550, "5.7.1", ("the Sender field names somebody you may not write for",))
RESENT_NOT_YOURS = Reply(550, "5.7.1", ("a Resent field names somebody you may not write for",))
NEEDS_SENDER = Reply(550, "5.7.1", ("several authors need a Sender field that says who of them sent it",))
NULL_SENDER = Reply(550, "5.7.1", ("only a disposition notification may have the null sender",))

MOST_OCTETS = 4096
"""Of one field with authors: a longer one might hold more than the reader of addresses reads (L7)."""

_QUOTED = re.compile(rb'"(?:[^"\\]++|\\.)*+(?P<end>"?+)', re.DOTALL)
"""Without an end too, so that many beginnings are not read to the end of the value each."""
_TWO_IN_ONE = re.compile(rb"<[^,<]*+<")
"""Two addresses for one mailbox: readers disagree about which of them is shown."""


def _without_quoted(value: bytes) -> bytes:
    return _QUOTED.sub(lambda quoted: b"" if quoted["end"] else quoted[0], value)


def judge_authors(header: Header, owns: Owns) -> Reply | None:
    """The refusal that From, Sender and their Resent forms earn; None when all of them are the submitter's.

    What two readers would read differently (``filter.author``) is nobody's.
    """
    authors = _addresses(header, "from")
    if header.count("from") != 1 or not authors:
        return ONE_FROM
    author = author_of(header)
    if isinstance(author, Ambiguous) and (len(authors) == 1 or has_false_from(header)):
        return Reply(550, "5.7.1", (f"the From field {author.reason}",))
    if not _all_owned(authors, owns):
        return NOT_YOURS
    senders = _addresses(header, "sender")
    if header.count("sender") > 1 or (senders is None) or not _all_owned(senders, owns):
        return SENDER_NOT_YOURS
    if len(authors) > 1 and not senders:  # RFC 5322 section 3.6.2
        return NEEDS_SENDER
    for name in ("resent-from", "resent-sender"):
        resent = _addresses(header, name)
        if resent is None or not _all_owned(resent, owns):
            return RESENT_NOT_YOURS
    return None


def is_disposition_notification(header: Header) -> bool:
    """RFC 8098 section 3: what may be submitted with the null sender, because its answer would be one too many."""
    value, parameters = parse_parameters(header.first("content-type") or b"")
    kind = find_parameter(parameters, b"report-type") or b""
    return value == b"multipart/report" and kind.lower() == b"disposition-notification"


def author_domain(header: Header) -> str:
    """The domain of the first author, empty when there is none to be trusted."""
    authors = _addresses(header, "from")
    return authors[0].domain if authors else ""


def _addresses(header: Header, name: str) -> list[Address] | None:
    """The addresses of all fields called ``name``; None when one of them is no address or stands in a group."""
    if name not in header:
        return []
    found: list[Address] = []
    for value in header.all(name):
        if len(value) > MOST_OCTETS or _TWO_IN_ONE.search(_without_quoted(value)):
            return None
        for one in parse_addresses(value):
            if isinstance(one, Group):
                return None
            address = _address(one)
            if address is None:
                return None
            found.append(address)
    return found


def _address(mailbox: Mailbox) -> Address | None:
    if mailbox.route:
        return None
    try:
        return mailbox.address
    except ValueError:
        return None


def _all_owned(addresses: list[Address], owns: Owns) -> bool:
    return all(map(owns, addresses))
