"""FETCH (RFC 9051 section 6.4.5): its items and their labels."""

import re

from posthouse.standards.imap.events import Fetch
from posthouse.standards.imap.fetchitems import (
    Attribute,
    Binary,
    BinarySize,
    BodySection,
    FetchItem,
    Section,
    SectionText,
)
from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.text import format_astring

MAX_ITEMS = 100
MAX_PART_DEPTH = 50
_ITEM = re.compile(rb"[A-Za-z0-9.]+")
_PART = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*")
_TEXTS = re.compile(rb"(?i:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)")
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}")
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([0-9]{1,19})>")

_FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
_MACROS = {
    "FAST": _FAST,
    "ALL": (*_FAST, Attribute.ENVELOPE),
    "FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_ATTRIBUTES = {attribute.value: attribute for attribute in Attribute}
_RFC822 = {
    "RFC822": BodySection(Section(), b"RFC822", peek=False),
    "RFC822.HEADER": BodySection(Section((), SectionText.HEADER), b"RFC822.HEADER", peek=True),
    "RFC822.TEXT": BodySection(Section((), SectionText.TEXT), b"RFC822.TEXT", peek=False),
}


def parse_fetch(scanner: Scanner, tag: str, *, by_uid: bool, qresync: bool) -> Fetch:
    """``fetch``, from behind its name on."""
    scanner.space()
    numbers = scanner.sequence_set()
    scanner.space()
    items = _parse_items(scanner)
    changed_since, vanished = _parse_modifiers(scanner)
    scanner.end()
    if by_uid:
        items.setdefault(Attribute.UID)
    if changed_since is not None:
        items.setdefault(Attribute.MODSEQ)  # RFC 7162 section 3.1.4.1
    if vanished and not (by_uid and qresync and changed_since is not None):
        raise ParseError("VANISHED needs QRESYNC, UID FETCH and CHANGEDSINCE")  # RFC 7162 section 3.2.6
    return Fetch(tag, numbers, tuple(items), by_uid, changed_since, vanished)


def _parse_items(scanner: Scanner) -> dict[FetchItem, None]:
    """Each item once, in the order asked for: to ask twice does not earn two copies."""
    if scanner.text[scanner.at : scanner.at + 1] == b"(":
        return _few(dict.fromkeys(scanner.items(lambda: parse_item(scanner))))
    start = scanner.at
    macro = _MACROS.get(scanner.match(_ITEM, "Fetch item expected").decode("ascii").upper())
    if macro is not None:
        return dict.fromkeys(macro)
    scanner.at = start
    return {parse_item(scanner): None}


def _few(items: dict[FetchItem, None]) -> dict[FetchItem, None]:
    if len(items) > MAX_ITEMS:
        raise ParseError("Too many fetch items", condition="NO", code="LIMIT")
    return items


def _parse_modifiers(scanner: Scanner) -> tuple[int | None, bool]:
    """RFC 7162 sections 3.1.4.1 and 3.2.6."""
    changed_since, vanished = None, False
    if scanner.found(b" "):
        for name, number in scanner.items(lambda: _parse_modifier(scanner)):
            if name == "CHANGEDSINCE":
                changed_since = number
            else:
                vanished = True
    return changed_since, vanished


def _parse_modifier(scanner: Scanner) -> tuple[str, int]:
    word = scanner.word()
    if word == "CHANGEDSINCE":
        scanner.space()
        return word, scanner.modseq()
    if word == "VANISHED":
        return word, 0
    raise ParseError("Unknown fetch modifier")


def parse_item(scanner: Scanner) -> FetchItem:
    """``fetch-att``, with those of RFC 3516, 7162, 8474, 8514 and 8970."""
    name = scanner.match(_ITEM, "Fetch item expected").decode("ascii").upper()
    if scanner.text[scanner.at : scanner.at + 1] == b"[":
        scanner.at += 1
        return _parse_sectioned(scanner, name)
    if name in _RFC822:
        return _RFC822[name]
    attribute = _ATTRIBUTES.get(name)
    if attribute is None:
        raise ParseError("Unknown fetch item")
    if attribute is Attribute.PREVIEW:
        scanner.found(b" (LAZY)")  # RFC 8970 section 3.2
    return attribute


def _parse_sectioned(scanner: Scanner, name: str) -> FetchItem:
    base, _, peek = name.partition(".")
    if base == "BODY" and peek in {"", "PEEK"}:
        section, label = _parse_section(scanner)
        scanner.expect(b"]", "Bad section")
        partial, origin = _parse_partial(scanner)
        return BodySection(section, b"BODY[%b]%b" % (label, origin), bool(peek), partial)
    if base != "BINARY" or peek not in {"", "PEEK", "SIZE"}:
        raise ParseError("Unknown fetch item")
    part, label = _parse_part(scanner)
    scanner.expect(b"]", "Bad section")
    if peek == "SIZE":
        return BinarySize(part, b"BINARY.SIZE[%b]" % label)
    partial, origin = _parse_partial(scanner)
    return Binary(part, b"BINARY[%b]%b" % (label, origin), bool(peek), partial)


def _parse_part(scanner: Scanner) -> tuple[tuple[int, ...], bytes]:
    found = _PART.match(scanner.text, scanner.at)
    if found is None:
        return (), b""
    scanner.at = found.end()
    part = tuple(map(int, found[0].split(b".", MAX_PART_DEPTH + 1)[: MAX_PART_DEPTH + 1]))
    if len(part) > MAX_PART_DEPTH:
        raise ParseError("Part number too long")
    return part, found[0]


def _parse_section(scanner: Scanner) -> tuple[Section, bytes]:
    """``section-spec``; the label repeats it, field names as the client wrote them."""
    part, label = _parse_part(scanner)
    if part and not scanner.found(b"."):
        return Section(part), label
    found = _TEXTS.match(scanner.text, scanner.at)
    if found is None:
        if part:
            raise ParseError("Bad section")
        return Section(), b""
    scanner.at = found.end()
    text = SectionText(found[0].decode("ascii").upper())
    if text is SectionText.MIME and not part:
        raise ParseError("MIME needs a part number")
    label += (b"." if part else b"") + text.value.encode("ascii")
    if text not in {SectionText.FIELDS, SectionText.FIELDS_NOT}:
        return Section(part, text), label
    scanner.space()
    names = scanner.items(scanner.astring)
    if not all(map(_FIELD_NAME.fullmatch, names)):
        raise ParseError("Not a header field name")
    label += b" (%b)" % b" ".join(map(format_astring, names))
    return Section(part, text, frozenset(name.lower() for name in names)), label


def _parse_partial(scanner: Scanner) -> tuple[tuple[int, int] | None, bytes]:
    found = _PARTIAL.match(scanner.text, scanner.at)
    if found is None:
        return None, b""
    scanner.at = found.end()
    start, length = int(found[1]), int(found[2])
    if not length:
        raise ParseError("A partial fetch of nothing")
    return (start, length), b"<%d>" % start
