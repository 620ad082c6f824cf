"""How a message crosses to one server: which parameters, which encoding, DATA or BDAT, or why it cannot cross.

RFC 6152 and RFC 3030: content of 8 bits or of binary goes only where it is
offered, is converted otherwise, or comes back with 5.6.3. RFC 6531: what needs
UTF-8 comes back with 5.6.7. RFC 1870: what is too large is not even begun.
RFC 5321 section 4.5.3.1.6: lines that are too long go as they are where
BINARYMIME is offered, are encoded where nobody else has signed them, and are
tried otherwise (ADR 0026). What is converted and bears signatures of ours is
signed again, as it is sent.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from posthouse.filter.returnpath import ReturnPaths
from posthouse.mail.address import Address
from posthouse.mail.content import Content
from posthouse.mail.envelope import Body
from posthouse.mail.reply import Reply, reply
from posthouse.mta.conversion import Converted, Converter
from posthouse.mta.load import Load
from posthouse.mta.reading import AT_ONCE, read_content, read_head, read_whole
from posthouse.mta.survey import is_sealed, survey, survey_stored
from posthouse.standards.mime.downgrade import EIGHT_BITS, SEVEN_BITS, Carrier
from posthouse.standards.smtp.commands import Command, mail_from
from posthouse.standards.smtp.offered import Offered
from posthouse.storage.ports import Blobs
from posthouse.storage.queue import Item

TOO_LARGE = reply(552, "5.3.4", "the message is larger than the next server takes")
NEEDS_UTF8 = reply(553, "5.6.7", "the next server does not take addresses and headers in UTF-8")
NOT_CONVERTIBLE = reply(554, "5.6.3", "the next server takes no 8-bit content, and this message cannot be converted")
BARE_LINE_END = reply(554, "5.6.0", "the message has bare CR or LF characters, which SMTP cannot carry")
NEEDS_TLS = reply(550, "5.7.30", "the sender requires TLS on the way, which the next server does not offer")


@dataclass(frozen=True, slots=True)
class Passage:
    """A message made ready for one server. ``octets`` is the whole content when it is small."""

    mail: Command
    content: Content
    octets: bytes | None
    size: int
    chunked: bool
    binary: bool = False
    converted: Converted | None = None

    def forget(self) -> None:
        """Free what was made for this passage alone."""
        if self.converted is not None:
            self.converted.discard()

    async def pieces(self, blobs: Blobs) -> AsyncIterator[bytes]:
        """The content in order, in pieces of at most ``AT_ONCE`` and the prefix."""
        if self.octets is not None:
            yield self.octets
            return
        async for piece in read_content(self.content, blobs):
            yield piece


async def prepare(
    load: Load,
    offered: Offered,
    blobs: Blobs,
    converter: Converter,
    *,
    verified_tls: bool = False,
    paths: ReturnPaths | None = None,
) -> Passage | Reply:
    """The passage of ``load`` to a server that offers ``offered``, or the reply that says why there is none.

    Whoever asked forgets the passage in the end.
    """
    item, content = load.first, load.content
    if offered.size and content.size > offered.size:
        return TOO_LARGE
    if item.require_tls and not (verified_tls and offered.requiretls):  # RFC 8689 section 4.2.1
        return NEEDS_TLS
    octets = await read_whole(content, blobs) if content.size <= AT_ONCE else None
    utf8 = await _needs_utf8(load, octets, blobs)
    if utf8 and not offered.smtputf8:
        return NEEDS_UTF8
    fitted = await _fit(item, octets, offered, blobs, converter)
    if isinstance(fitted, Reply):
        return fitted
    body, converted = fitted
    if converted is not None:
        content, octets = converted.content, converted.octets
    if offered.size and content.size > offered.size:  # larger since it is encoded
        if converted is not None:
            converted.discard()
        return TOO_LARGE
    mail = mail_from(
        item.reverse_path if paths is None else paths.sign(item.reverse_path),
        size=content.size if offered.size is not None else None,
        body=body,
        utf8=utf8,
        ret=item.ret if offered.dsn else None,
        envid=item.envid if offered.dsn else None,
        require_tls=item.require_tls,
    )
    return Passage(mail, content, octets, content.size, offered.chunking, body is Body.BINARY, converted)


async def _fit(
    item: Item, octets: bytes | None, offered: Offered, blobs: Blobs, converter: Converter
) -> tuple[Body | None, Converted | None] | Reply:
    """What to declare, and what to send in the place of the content if it cannot go as it is."""
    found = survey(octets) if octets is not None else await survey_stored(item.content, item.body, blobs)
    binary = item.body is Body.BINARY and not found.is_lines
    if offered.binarymime and (binary or not found.short):
        return Body.BINARY, None
    carrier = EIGHT_BITS if offered.eightbitmime else SEVEN_BITS
    converted = None
    if binary or (found.eightbit and not carrier.eightbit):
        converted = await converter.convert(item.content, octets, carrier)
        if converted is None and (binary or item.body is not Body.SEVENBIT):
            return NOT_CONVERTIBLE  # what promised 7 bits and lied is sent as it came
    elif not found.short:
        converted = await _shorten(item, octets, blobs, converter, carrier)
    if converted is None and not found.clean:
        return BARE_LINE_END
    eightbit = found.eightbit if converted is None else converted.eightbit
    return Body.EIGHTBIT if eightbit and carrier.eightbit else None, converted


async def _shorten(
    item: Item, octets: bytes | None, blobs: Blobs, converter: Converter, carrier: Carrier
) -> Converted | None:
    """With shorter lines, unless that breaks what somebody else has signed: RFC 5321 section 4.5.3.1 lets us try."""
    head = octets if octets is not None else await read_head(item.content, blobs)
    if is_sealed(head, len(item.content.prefix)):
        return None
    return await converter.convert(item.content, octets, carrier)


def may_name(address: Address, offered: Offered) -> bool:
    """Whether a recipient can be said to this server (RFC 6531 section 3.2)."""
    return offered.smtputf8 or not address.needs_utf8


async def _needs_utf8(load: Load, octets: bytes | None, blobs: Blobs) -> bool:
    """Whether anything in envelope or header needs SMTPUTF8; a message only flagged so may go anywhere."""
    if not load.first.utf8:
        return False
    if not load.first.reverse_path.isascii() or any(item.recipient.address.needs_utf8 for item in load.items):
        return True
    head = octets if octets is not None else await read_head(load.content, blobs)
    end = head.find(b"\r\n\r\n")
    return not (head if end < 0 else head[:end]).isascii()
