"""How a message crosses to one server: which parameters, which encoding, DATA or BDAT, or why it cannot cross.

RFC 6152 and RFC 3030: content of 8 bits or of binary goes only where it is
offered, is converted otherwise, or comes back with 5.6.3. RFC 6531: what needs
UTF-8 comes back with 5.6.7. RFC 1870: what is too large is not even begun.
What is converted and bears signatures of ours is signed again, as it is sent.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from posthouse.filter.returnpath import ReturnPaths
from posthouse.mail.address import Address
from posthouse.mail.content import Content
from posthouse.mail.envelope import Body
from posthouse.mail.reply import Reply, reply
from posthouse.mta.load import Load
from posthouse.mta.signing import Signer
from posthouse.standards.mime.downgrade import Unconvertible, convert_to_7bit
from posthouse.standards.smtp.commands import Command, mail_from
from posthouse.standards.smtp.offered import Offered
from posthouse.storage.ports import Blobs
from posthouse.storage.queue import Item

AT_ONCE: Final = 256 * 1024
"""Content up to this is sent in one piece, and what is larger is read in pieces of this."""
MAX_CONVERTED: Final = 16 * 1024 * 1024
"""Larger content is not converted: it would have to be held in memory."""

TOO_LARGE = reply(552, "5.3.4", "the message is larger than the next server takes")
NEEDS_UTF8 = reply(553, "5.6.7", "the next server does not take addresses and headers in UTF-8")
NOT_CONVERTIBLE = reply(554, "5.6.3", "the next server takes no 8-bit content, and this message cannot be converted")
BARE_LINE_END = reply(554, "5.6.0", "the message has bare CR or LF characters, which SMTP cannot carry")
NEEDS_TLS = reply(550, "5.7.30", "the sender requires TLS on the way, which the next server does not offer")


@dataclass(frozen=True, slots=True)
class Passage:
    """A message made ready for one server. ``octets`` is the whole content when it is small or converted."""

    mail: Command
    content: Content
    octets: bytes | None
    size: int
    chunked: bool
    binary: bool = False

    async def pieces(self, blobs: Blobs) -> AsyncIterator[bytes]:
        """The content in order, in pieces of at most ``AT_ONCE`` and the prefix."""
        if self.octets is not None:
            yield self.octets
            return
        async for piece in read_content(self.content, blobs):
            yield piece


async def read_content(content: Content, blobs: Blobs) -> AsyncIterator[bytes]:
    """Prefix and blob, in pieces."""
    if content.prefix:
        yield content.prefix
    if content.blob.octets is not None:
        yield content.blob.octets
        return
    for start in range(0, content.blob.size, AT_ONCE):
        yield await blobs.read(content.blob.blob_id, start, min(AT_ONCE, content.blob.size - start))


async def read_whole(content: Content, blobs: Blobs) -> bytes:
    """Prefix and blob in one."""
    if content.blob.octets is not None:
        return content.prefix + content.blob.octets
    return b"".join([piece async for piece in read_content(content, blobs)])


async def prepare(
    load: Load,
    offered: Offered,
    blobs: Blobs,
    *,
    verified_tls: bool = False,
    signer: Signer | None = None,
    paths: ReturnPaths | None = None,
) -> Passage | Reply:
    """The passage of ``load`` to a server that offers ``offered``, or the reply that says why there is none."""
    item, content = load.first, load.content
    if offered.size and content.size > offered.size:
        return TOO_LARGE
    if item.require_tls and not (verified_tls and offered.requiretls):  # RFC 8689 section 4.2.1
        return NEEDS_TLS
    octets = await read_whole(content, blobs) if content.size <= AT_ONCE else None
    utf8 = await _needs_utf8(load, octets, blobs)
    if utf8 and not offered.smtputf8:
        return NEEDS_UTF8
    eightbit, binary = await _kind(item, octets, blobs)
    body: Body | None = None
    if binary and offered.binarymime:
        body = Body.BINARY
    elif eightbit and not binary and offered.eightbitmime:
        body = Body.EIGHTBIT
    elif binary or eightbit:
        converted = await _convert(item, octets, blobs, signer)
        if converted is None and (binary or item.body is not Body.SEVENBIT):
            return NOT_CONVERTIBLE
        octets = converted if converted is not None else octets  # it promised 7 bits and lied: sent as it came
    if octets is not None and body is not Body.BINARY and not is_clean(octets):
        return BARE_LINE_END
    size = content.size if octets is None else len(octets)
    mail = mail_from(
        item.reverse_path if paths is None else paths.sign(item.reverse_path),
        size=size if offered.size is not None else None,
        body=body,
        utf8=utf8,
        ret=item.ret if offered.dsn else None,
        envid=item.envid if offered.dsn else None,
        require_tls=item.require_tls,
    )
    return Passage(mail, content, octets, size, offered.chunking, body is Body.BINARY)


def may_name(address: Address, offered: Offered) -> bool:
    """Whether a recipient can be said to this server (RFC 6531 section 3.2)."""
    return offered.smtputf8 or not address.needs_utf8


def is_clean(octets: bytes) -> bool:
    """Whether every CR and LF stands in a CRLF, and there is no NUL: what DATA can carry."""
    pairs = octets.count(b"\r\n")
    return octets.count(b"\n") == pairs and octets.count(b"\r") == pairs and b"\0" not in octets


async def _needs_utf8(load: Load, octets: bytes | None, blobs: Blobs) -> bool:
    """Whether anything in envelope or header needs SMTPUTF8; a message only flagged so may go anywhere."""
    if not load.first.utf8:
        return False
    if not load.first.reverse_path.isascii() or any(item.recipient.address.needs_utf8 for item in load.items):
        return True
    head = octets if octets is not None else await _head(load.content, blobs)
    end = head.find(b"\r\n\r\n")
    return not (head if end < 0 else head[:end]).isascii()


async def _head(content: Content, blobs: Blobs) -> bytes:
    return content.prefix + await blobs.read(content.blob.blob_id, 0, min(AT_ONCE, content.blob.size))


async def _kind(item: Item, octets: bytes | None, blobs: Blobs) -> tuple[bool, bool]:
    """Whether the content has 8-bit octets, and whether it is really binary."""
    if octets is not None:
        binary = item.body is Body.BINARY and not (is_clean(octets) and _lines_fit(octets))
        return not octets.isascii(), binary
    if item.body is not Body.SEVENBIT:
        return True, item.body is Body.BINARY
    async for piece in read_content(item.content, blobs):
        if not piece.isascii():
            return True, False
    return False, False


def _lines_fit(octets: bytes) -> bool:
    return max(map(len, octets.split(b"\r\n"))) <= 998  # RFC 5321 section 4.5.3.1.6


async def _convert(item: Item, octets: bytes | None, blobs: Blobs, signer: Signer | None) -> bytes | None:
    if octets is None and item.content.size > MAX_CONVERTED:
        return None
    try:
        octets = octets if octets is not None else await read_whole(item.content, blobs)
        if signer is None:
            return convert_to_7bit(octets)
        return signer.sign_again(octets, len(item.content.prefix), convert_to_7bit)
    except Unconvertible:
        return None
