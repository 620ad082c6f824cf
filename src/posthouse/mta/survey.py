"""What kind of octets a content is made of, whatever was promised: it decides how it may be sent."""

from dataclasses import dataclass

from posthouse.mail.content import Content
from posthouse.mail.envelope import Body
from posthouse.mta.reading import read_content
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.downgrade import LINE_OCTETS, is_clean, lines_fit
from posthouse.storage.ports import Blobs

SEALS = ("dkim-signature", "arc-message-signature")


@dataclass(frozen=True, slots=True)
class Survey:
    """``clean``: lines that end with CRLF, and no NUL; ``short``: none is over the limit of RFC 5321."""

    eightbit: bool
    clean: bool
    short: bool

    @property
    def is_lines(self) -> bool:
        """Whether it can be sent as lines at all, not only by count."""
        return self.clean and self.short


def survey(octets: bytes) -> Survey:
    """Of a content that is at hand."""
    return Survey(not octets.isascii(), is_clean(octets), lines_fit(octets))


async def survey_stored(content: Content, body: Body, blobs: Blobs) -> Survey:
    """Of a large one, read a piece at a time; one that was not binary was looked at for stray octets when it came."""
    eightbit, clean, short = False, True, True
    held = b""
    async for piece in read_content(content, blobs):
        octets = held + piece
        eightbit = eightbit or not piece.isascii()
        cut = octets.rfind(b"\n") + 1 if short else len(octets) - octets.endswith(b"\r")
        whole, held = octets[:cut], octets[cut:]
        short = short and lines_fit(whole) and len(held) <= LINE_OCTETS + 1
        clean = clean and (body is not Body.BINARY or is_clean(whole))
        if eightbit and not short and (body is not Body.BINARY or not clean):
            break
    return Survey(eightbit, clean and (body is not Body.BINARY or is_clean(held)), short and lines_fit(held))


def is_sealed(head: bytes, prefix_octets: int) -> bool:
    """Whether somebody else has signed what stands behind our prefix, or we have sealed what somebody else sent."""
    ours, theirs = parse_header(head[:prefix_octets]), parse_header(head[prefix_octets:])
    return _has(theirs, SEALS) or _has(ours, SEALS[1:])


def _has(header: Header, names: tuple[str, ...]) -> bool:
    return any(name in header for name in names)
