"""BODY and BODYSTRUCTURE as they are sent (RFC 9051 section 7.5.2), from a part tree of ``standards.mime``."""

from collections.abc import Sequence
from typing import Protocol

from posthouse.standards.imap.text import format_nstring, format_string
from posthouse.standards.mime.parameters import find_parameter, join_parameters

Parameters = tuple[tuple[bytes, bytes], ...]


class Part(Protocol):
    """What is needed to know of a part; ``standards.mime.structure.Part`` has it. Depth is capped there (L9)."""

    @property
    def type(self) -> bytes: ...
    @property
    def subtype(self) -> bytes: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def content_id(self) -> bytes: ...
    @property
    def description(self) -> bytes: ...
    @property
    def encoding(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def lines(self) -> int: ...
    @property
    def md5(self) -> bytes: ...
    @property
    def disposition(self) -> bytes: ...
    @property
    def disposition_parameters(self) -> Parameters: ...
    @property
    def language(self) -> Sequence[bytes]: ...
    @property
    def location(self) -> bytes: ...
    @property
    def envelope(self) -> bytes:
        """ENVELOPE of the message inside, formatted; for message/rfc822 only."""

    @property
    def parts(self) -> "Sequence[Part]": ...


def format_bodystructure(part: Part, *, extended: bool) -> bytes:
    """``body``; ``extended`` for BODYSTRUCTURE, without it for BODY."""
    if part.type == b"multipart" and part.parts:
        return _multipart(part, extended)
    fields = _basic(part, extended)
    if extended:
        fields += [format_nstring(part.md5 or None), *_disposition_language_location(part)]
    return b"(%b)" % b" ".join(fields)


def _multipart(part: Part, extended: bool) -> bytes:
    """``body-type-mpart``: the parts stand without spaces between them."""
    inner = b"".join(format_bodystructure(child, extended=extended) for child in part.parts)
    fields = [inner, format_string(part.subtype)]
    if extended:
        fields += [_parameters(part.parameters), *_disposition_language_location(part)]
    return b"(%b)" % b" ".join(fields)


def _basic(part: Part, extended: bool) -> list[bytes]:
    """``body-type-basic``, ``body-type-text`` and ``body-type-msg``."""
    looked_into = part.type == b"message" and bool(part.parts)
    media, subtype = part.type, part.subtype
    if media == b"multipart" or (media == b"message" and subtype in {b"rfc822", b"global"} and not looked_into):
        media, subtype = b"application", b"octet-stream"  # a client would expect an envelope or parts here
    fields = [
        format_string(media),
        format_string(subtype),
        _parameters(_with_charset(part)),
        format_nstring(part.content_id or None),
        format_nstring(part.description or None),
        format_string(part.encoding or b"7bit"),
        b"%d" % part.size,
    ]
    if looked_into:
        fields += [part.envelope or _NO_ENVELOPE, format_bodystructure(part.parts[0], extended=extended)]
    if looked_into or media == b"text":
        fields.append(b"%d" % part.lines)
    return fields


_NO_ENVELOPE = b"(%b)" % b" ".join([b"NIL"] * 10)


def _with_charset(part: Part) -> Parameters:
    """Plain text that names no charset is us-ascii (RFC 2046 section 4.1.2); other text has no default."""
    if (part.type, part.subtype) != (b"text", b"plain") or find_parameter(part.parameters, b"charset") is not None:
        return part.parameters
    return (*part.parameters, (b"charset", b"us-ascii"))


def _parameters(parameters: Parameters) -> bytes:
    """``body-fld-param``; continuations are joined (RFC 9051 section 7.5.2).

    What is encoded stays so, charset and all: octets beyond ASCII are nothing that a client of RFC 3501 may be sent.
    """
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join(format_string(octets) for pair in join_parameters(parameters) for octets in pair)


def _disposition_language_location(part: Part) -> list[bytes]:
    disposition = b"NIL"
    if part.disposition:
        disposition = b"(%b %b)" % (format_string(part.disposition), _parameters(part.disposition_parameters))
    language = b"NIL"
    if len(part.language) == 1:
        language = format_string(part.language[0])
    elif part.language:
        language = b"(%b)" % b" ".join(map(format_string, part.language))
    return [disposition, language, format_nstring(part.location or None)]
