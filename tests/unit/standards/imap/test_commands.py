"""Commands and their parameters, as events."""

import pytest

from posthouse.standards.imap import events as e
from posthouse.standards.imap.commands import COMMANDS, Context
from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.sequence import STAR, SequenceSet

CONTEXT = Context(rev2=False, qresync=True, enableable=frozenset({"CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2"}))


def parse(line, *literals, utf8=False):
    verb, _, _ = line.partition(" ")
    if verb == "UID":
        verb = " ".join(line.split(" ")[:2])
    scanner = Scanner(line.encode(), list(literals), at=len(verb), utf8=utf8)
    return COMMANDS[verb].parse(scanner, "t", CONTEXT)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("CAPABILITY", e.Capability("t")),
        ("CHECK", e.Noop("t")),
        ("ID NIL", e.Id("t", ())),
        ('ID ("name" "x" "version" NIL)', e.Id("t", (("name", "x"), ("version", None)))),
        ("ENABLE CONDSTORE x-y utf8=accept", e.Enable("t", ("CONDSTORE", "UTF8=ACCEPT"))),
        ("ENABLE imap4rev2", e.Enable("t", ("IMAP4REV2",))),
        ("AUTHENTICATE PLAIN =", e.Authenticate("t", "PLAIN", b"")),
        ("SELECT inbox", e.Select("t", "INBOX")),
        ("EXAMINE Sent (CONDSTORE)", e.Select("t", "Sent", read_only=True, condstore=True)),
        ("SELECT Sent (QRESYNC (1 2))", e.Select("t", "Sent", qresync=e.Known(1, 2))),
        ("CREATE Papers/", e.Create("t", "Papers")),
        ("CREATE Old (USE (\\Archive))", e.Create("t", "Old", ("\\Archive",))),
        ('RENAME "a b" c', e.Rename("t", "a b", "c")),
        ("SUBSCRIBE x", e.Subscribe("t", "x")),
        ("STATUS x (MESSAGES uidnext SIZE)", e.Status("t", "x", ("MESSAGES", "UIDNEXT", "SIZE"))),
        ('LIST "" ""', e.List("t", "", ())),
        ('LIST "" *', e.List("t", "", ("*",))),
        ("LIST Foo/ %", e.List("t", "Foo/", ("Foo/%",))),
        ('LSUB "" *', e.List("t", "", ("*",), lsub=True)),
        (
            'LIST (SUBSCRIBED) "" ("INBOX" "Drafts/%") RETURN (CHILDREN STATUS (MESSAGES))',
            e.List("t", "", ("INBOX", "Drafts/%"), frozenset({"SUBSCRIBED"}), frozenset({"CHILDREN"}), ("MESSAGES",), True),
        ),
        ('LIST (SPECIAL-USE) "" "*"', e.List("t", "", ("*",), frozenset({"SPECIAL-USE"}), extended=True)),
        ("EXPUNGE", e.Expunge("t")),
        ("UID EXPUNGE 3:*", e.Expunge("t", SequenceSet(((3, STAR),)))),
        ("COPY 1 x", e.Copy("t", SequenceSet(((1, 1),)), "x")),
        ("UID MOVE $ x", e.Move("t", SequenceSet((), saved=True), "x", by_uid=True)),
        (
            "STORE 1 +FLAGS.SILENT (\\deleted)",
            e.Store("t", SequenceSet(((1, 1),)), e.Change.ADD, frozenset({"\\Deleted"}), silent=True),
        ),
        (
            "UID STORE 1 (UNCHANGEDSINCE 12) FLAGS a \\Seen A",
            e.Store("t", SequenceSet(((1, 1),)), e.Change.REPLACE, frozenset({"\\Seen", "a"}), False, True, 12),
        ),
        ("STORE 1 -FLAGS ()", e.Store("t", SequenceSet(((1, 1),)), e.Change.REMOVE, frozenset())),
        ("STORE 1 FLAGS (\\Recent \\Seen)", e.Store("t", SequenceSet(((1, 1),)), e.Change.REPLACE, frozenset({"\\Seen"}))),
    ],
)  # fmt: skip
def test_parse(line, event):
    assert event == parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "NOOP x", "CAPABILITY ", "ID", 'ID ("a")', "ENABLE", "ENABLE ", "AUTHENTICATE PLAIN A", "AUTHENTICATE PLAIN AAAA x",
        "SELECT", "SELECT  x", "SELECT x ()", "SELECT x (FOO)", "SELECT x (QRESYNC (1))", "CREATE x (USE)", "RENAME a",
        "STATUS x ()", "STATUS x (FOO)", "STATUS x MESSAGES", "LIST a", 'LIST (FOO) "" *', 'LIST (RECURSIVEMATCH) "" *',
        'LIST "" * RETURN (FOO)', "UID EXPUNGE", "COPY 0 x", "COPY 1", "STORE 1 FOO (a)", "STORE 1 FLAGS (\\Foo)", "STORE 1 FLAGS",
        "STORE 1 FLAGS (a", "FETCH 1", "SEARCH", "LOGIN a", "LOGIN a b c", 'LOGIN "a b', 'LOGIN "a\\b" c', "APPEND x",
    ],
)  # fmt: skip
def test_refuse(line):
    with pytest.raises(ParseError):
        parse(line)


def test_names_may_be_literals():
    assert e.Rename("t", "a b", "c") == parse("RENAME {3}\r\n {1+}\r\n", b"a b", b"c")


def test_passwords_may_be_utf8():
    assert e.Login("t", "ä", "ö") == parse('LOGIN "ä" {2}\r\n', "ö".encode())


@pytest.mark.parametrize("literal", [b"\x00", b"\xff"])
def test_passwords_are_text(literal):
    with pytest.raises(ParseError):
        parse("LOGIN a {1}\r\n", literal)


def test_bad_name_is_no_syntax_error():
    """A client that shows it gets NO, and knows that trying again is of no use."""
    with pytest.raises(ParseError) as caught:
        parse("CREATE a//b")
    assert (caught.value.condition, caught.value.code) == ("NO", "CANNOT")


def test_what_clients_call_themselves_is_printable():
    event = parse('ID ("na\x1bme" {3}\r\n)', b"\xff\r\n")
    assert event.pairs == (("na?me", "\ufffd??"),)


def test_patterns_in_utf7_or_as_they_are():
    assert parse('LIST "" Entw&APw-rfe/%').patterns == ("Entwürfe/%",)
    assert parse('LIST "" "&*"').patterns == ("&*",)
