"""What a message is made of, for the classifier: words, hosts of links, features of the header, who vouches for it.

Deterministic: the same content and the same findings about its sender give
the same tokens when it arrives and when its owner judges it later. Linear;
at most ``MOST`` tokens of the first ``LOOKED_AT`` octets. SECURITY: everything
here is written by a stranger; a token is at most ``LONGEST`` characters, and
none of it is ever shown elsewhere than in the ledger of this very message.
"""

import re
from typing import Final

from posthouse.filter.classifier.words import hosts_of, plain, words_of
from posthouse.filter.display import Display, Standing
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.charset import decode_text
from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.parameters import find_parameter, parse_parameters
from posthouse.standards.mime.preview import strip_html
from posthouse.standards.mime.structure import Part, parse_structure
from posthouse.standards.mime.transfer import IDENTITY, decode_transfer

MOST: Final = 400
"""Different tokens of one message."""
LOOKED_AT: Final = 64 * 1024
TEXT_OCTETS: Final = 32 * 1024
"""Of all its texts together."""
MOST_PARTS: Final = 50
MOST_NAMED: Final = 20
"""Words of a subject or of a name."""
LONGEST: Final = 90

_ADDRESS = re.compile(r"([^\s<>@\"(),;:]{1,64})@([a-z0-9.\u00a1-\uffff-]{3,80})")
_EXTENSION = re.compile(r"\.([a-z0-9]{1,8})\s*\Z")
_INLINE = re.compile(r"</?(?:b|i|u|em|strong|font|span|wbr)\b[^<>]*+>|<!--[^<>]*+-->", re.IGNORECASE)
"""What stands in the middle of words, so that a filter does not know them."""
_PRESENT: Final = ("list-unsubscribe", "list-id", "in-reply-to", "precedence", "auto-submitted", "x-priority")
_ABSENT: Final = ("to", "date", "message-id", "subject")


def tokens_of(octets: bytes, header: Header | None = None, display: Display | None = None) -> tuple[str, ...]:
    """The tokens of a message. ``header`` saves parsing it; ``display`` is what was found out about its sender."""
    if len(octets) > LOOKED_AT:
        octets = octets[:LOOKED_AT]
    if header is None:
        header = parse_header(octets)
    found: dict[str, None] = dict.fromkeys(_of_header(header))
    if display is not None:
        found.update(_of_sender(display))
    _add_body(octets, header, found)
    return tuple(found)[:MOST]


def _of_sender(display: Display) -> dict[str, None]:
    found: dict[str, None] = {f"auth:{display.standing.value}": None}
    if display.standing in {Standing.VERIFIED, Standing.VIA} and display.domain:
        found[f"by:{display.domain[:80]}"] = None
    for flag in display.flags:
        found[f"warned:{flag.value}"] = None
    return found


def _of_header(header: Header) -> list[str]:
    found: list[str] = []
    author = header.first("from")
    if author:
        found += _of_author(plain(decode_words(author[:1000])))
    subject = header.first("subject")
    if subject:
        found += [f"s:{word}" for word in words_of(decode_words(subject[:1000]), MOST_NAMED)]
    found += [f"h:{name}" for name in _PRESENT if name in header]
    found += [f"h:no-{name}" for name in _ABSENT if name not in header]
    mailer = header.first("x-mailer") or header.first("user-agent")
    if mailer:
        found.append(f"mailer:{plain(decode_text(mailer[:60])).partition(' ')[0][:30]}")
    return found


def _of_author(text: str) -> list[str]:
    found = []
    match = _ADDRESS.search(text)
    name = text
    if match is not None:
        name = text[: match.start()]
        found = [f"from:{match[1]}@{match[2]}"[:LONGEST], f"from:{match[2]}"]
    return [*found, *[f"name:{word}" for word in words_of(name, MOST_NAMED)]]


def _add_body(octets: bytes, header: Header, found: dict[str, None]) -> None:
    """All texts of the body; attachments only by their kind."""
    content_type = header.first("content-type")
    name, parameters = parse_parameters(content_type) if content_type is not None else (b"text/plain", ())
    found[f"type:{name[:60].decode('ascii', 'replace')}"] = None
    if name.startswith((b"multipart/", b"message/")):
        _add_parts(parse_structure(octets, header, parts=MOST_PARTS), octets, found)
        return
    encoding = (header.first("content-transfer-encoding") or b"").strip().lower()
    part = Part(header.start, min(header.body_start, len(octets)), len(octets), 0, *_split(name), parameters, encoding)
    if part.type == b"text":
        _add_text(part, octets, TEXT_OCTETS, found)
    else:
        _add_file(part, found)


def _split(name: bytes) -> tuple[bytes, bytes]:
    major, _, minor = name.partition(b"/")
    return major or b"text", minor or b"plain"


def _add_parts(top: Part, octets: bytes, found: dict[str, None]) -> None:
    left, has_text, has_html = TEXT_OCTETS, False, False
    waiting = [top]
    while waiting:
        part = waiting.pop()
        waiting += reversed(part.parts)
        if part.parts:
            continue
        if part.type == b"text" and part.disposition != b"attachment":
            left -= _add_text(part, octets, left, found) if left > 0 else 0
            has_html = has_html or part.subtype == b"html"
            has_text = has_text or part.subtype == b"plain"
        else:
            _add_file(part, found)
    if has_html and not has_text:
        found["type:html alone"] = None


def _add_file(part: Part, found: dict[str, None]) -> None:
    found[f"file:{part.type[:20].decode('ascii', 'replace')}/{part.subtype[:60].decode('ascii', 'replace')}"] = None
    name = find_parameter(part.disposition_parameters, b"filename") or find_parameter(part.parameters, b"name")
    match = _EXTENSION.search(decode_words(name[-80:]).lower()) if name else None
    if match is not None:
        found[f"file:.{match[1]}"] = None


def _add_text(part: Part, octets: bytes, most: int, found: dict[str, None]) -> int:
    """The words and links of one text; how much of it was looked at."""
    raw = octets[part.body : min(part.end, part.body + most)]
    if part.encoding not in IDENTITY:
        raw = decode_transfer(raw, part.encoding)
    charset = find_parameter(part.parameters, b"charset") or b""
    text = decode_text(raw, charset.decode("ascii", "replace"))
    for host in hosts_of(text):
        found[f"url:{host}"] = None
    if part.subtype == b"html":
        text = strip_html(_INLINE.sub("", text))
    found.update(dict.fromkeys(words_of(text, MOST)))
    return len(raw)
