"""FETCH items and the labels they come back with."""

import pytest

from posthouse.standards.imap.events import Fetch
from posthouse.standards.imap.fetch import parse_fetch
from posthouse.standards.imap.fetchitems import Attribute, Binary, BinarySize, BodySection, Section, SectionText
from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.sequence import SequenceSet

ONE = SequenceSet(((1, 1),))


def fetch(text, *literals, by_uid=False, qresync=False):
    return parse_fetch(Scanner(b" 1 " + text.encode(), list(literals)), "t", by_uid=by_uid, qresync=qresync)


def body(label, section=Section(), *, peek=False, partial=None):  # noqa: B008 - a frozen value
    return BodySection(section, label, peek, partial)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("FLAGS", (Attribute.FLAGS,)),
        ("ALL", (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE, Attribute.ENVELOPE)),
        ("FAST", (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)),
        ("full", (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE, Attribute.ENVELOPE, Attribute.BODY)),
        ("(uid rfc822.size bodystructure)", (Attribute.UID, Attribute.SIZE, Attribute.BODYSTRUCTURE)),
        ("(FLAGS FLAGS)", (Attribute.FLAGS,)),
        ("BODY", (Attribute.BODY,)),
        ("BODY[]", (body(b"BODY[]"),)),
        ("body.peek[]<0.100>", (body(b"BODY[]<0>", peek=True, partial=(0, 100)),)),
        ("BODY[TEXT]", (body(b"BODY[TEXT]", Section((), SectionText.TEXT)),)),
        ("BODY[1.2.MIME]", (body(b"BODY[1.2.MIME]", Section((1, 2), SectionText.MIME)),)),
        ("BODY[3]", (body(b"BODY[3]", Section((3,))),)),
        ("BODY[3.header]", (body(b"BODY[3.HEADER]", Section((3,), SectionText.HEADER)),)),
        (
            'BODY.PEEK[HEADER.FIELDS (From "To" {2}\r\n)]',
            (body(b"BODY[HEADER.FIELDS (From To CC)]", Section((), SectionText.FIELDS, frozenset({b"from", b"to", b"cc"})), peek=True),),
        ),
        (
            "BODY[2.HEADER.FIELDS.NOT (X)]",
            (body(b"BODY[2.HEADER.FIELDS.NOT (X)]", Section((2,), SectionText.FIELDS_NOT, frozenset({b"x"}))),),
        ),
        ("RFC822", (body(b"RFC822"),)),
        ("RFC822.HEADER", (body(b"RFC822.HEADER", Section((), SectionText.HEADER), peek=True),)),
        ("RFC822.TEXT", (body(b"RFC822.TEXT", Section((), SectionText.TEXT)),)),
        ("BINARY[1.2]<5.6>", (Binary((1, 2), b"BINARY[1.2]<5>", peek=False, partial=(5, 6)),)),
        ("BINARY.PEEK[]", (Binary((), b"BINARY[]", peek=True),)),
        ("BINARY.SIZE[1]", (BinarySize((1,), b"BINARY.SIZE[1]"),)),
        ("(MODSEQ EMAILID THREADID)", (Attribute.MODSEQ, Attribute.EMAILID, Attribute.THREADID)),
        ("PREVIEW (LAZY)", (Attribute.PREVIEW,)),
    ],
)  # fmt: skip
def test_items(text, items):
    assert Fetch("t", ONE, items) == fetch(text, b"CC")


@pytest.mark.parametrize(
    "text",
    ["", "()", "(ALL)", "FOO", "FLAGS FLAGS", "BODY[", "BODY[FOO]", "BODY[MIME]", "BODY[0]", "BODY[1.]", "BODY[1.0]", "BODY[]<0>",
     "BODY[]<0.0>", "BODY[]<-1.5>", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]", "BODY[HEADER.FIELDS (a:)]", "BODY.FOO[]",
     "BINARY[TEXT]", "RFC822.PEEK", "BODY[" + ".".join(["1"] * 60) + "]", "BODY[99999999999]", "FLAGS (FOO)", "(FLAGS"],
)  # fmt: skip
def test_refuse(text):
    with pytest.raises(ParseError):
        fetch(text)


def test_uid_fetch_tells_uids():
    assert fetch("FLAGS", by_uid=True).items == (Attribute.FLAGS, Attribute.UID)


def test_changed_since():
    event = fetch("FLAGS (CHANGEDSINCE 12345 VANISHED)", by_uid=True, qresync=True)
    assert Fetch("t", ONE, (Attribute.FLAGS, Attribute.UID, Attribute.MODSEQ), True, 12345, True) == event


def test_vanished_needs_qresync():
    with pytest.raises(ParseError):
        fetch("FLAGS (CHANGEDSINCE 12345 VANISHED)", by_uid=True)
