"""What FETCH asks for (RFC 9051 section 6.4.5), as values. Parsed in ``fetch``, rendered in ``responses``."""

from dataclasses import dataclass
from enum import Enum


class Attribute(Enum):
    """The data items that are one value; the value here is the name on the wire."""

    FLAGS = "FLAGS"
    UID = "UID"
    INTERNALDATE = "INTERNALDATE"
    SIZE = "RFC822.SIZE"
    ENVELOPE = "ENVELOPE"
    BODY = "BODY"
    """The body structure without extension data."""
    BODYSTRUCTURE = "BODYSTRUCTURE"
    MODSEQ = "MODSEQ"
    EMAILID = "EMAILID"
    THREADID = "THREADID"
    SAVEDATE = "SAVEDATE"
    PREVIEW = "PREVIEW"


class SectionText(Enum):
    """Which octets of a message or part."""

    WHOLE = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """``part`` is empty for the message itself, (1, 2) for ``1.2``. ``fields`` are lower-case field names."""

    part: tuple[int, ...] = ()
    text: SectionText = SectionText.WHOLE
    fields: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class BodySection:
    r"""``BODY[...]``, ``RFC822``, ``RFC822.HEADER``, ``RFC822.TEXT``.

    ``label`` is what to call it in the response, ``<origin>`` included. ``peek``: do not set ``\Seen``.
    ``partial`` is (first octet, most octets).
    """

    section: Section
    label: bytes
    peek: bool
    partial: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """``BINARY[part]`` (RFC 3516 section 4): the part with its transfer encoding undone."""

    part: tuple[int, ...]
    label: bytes
    peek: bool
    partial: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class BinarySize:
    part: tuple[int, ...]
    label: bytes


FetchItem = Attribute | BodySection | Binary | BinarySize
"""A client may also ask for PREVIEW (LAZY): it comes as ``Attribute.PREVIEW``; ours is always at hand."""
