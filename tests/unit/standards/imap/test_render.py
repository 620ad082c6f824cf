"""Responses as they go out."""

import pytest

from posthouse.lib.sansio import LocalError, Slice
from posthouse.standards.imap import attributes, codes
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.render import render


@pytest.mark.parametrize(
    ("response", "octets"),
    [
        (r.Tagged("a", r.Condition.NO, "no", "TRYCREATE"), b"a NO [TRYCREATE] no\r\n"),
        (r.Tagged("a", r.Condition.OK, "[x] done"), b"a OK .[x] done\r\n"),
        (r.Notice(r.Condition.OK, "valid", codes.uid_validity(7)), b"* OK [UIDVALIDITY 7] valid\r\n"),
        (r.Bye("so long"), b"* BYE so long\r\n"),
        (r.Continuation(), b"+ go on\r\n"),
        (r.Challenge(b"abc"), b"+ YWJj\r\n"),
        (r.Enabled(("IMAP4REV2", "CONDSTORE")), b"* ENABLED IMAP4rev2 CONDSTORE\r\n"),
        (r.Id(), b"* ID NIL\r\n"),
        (r.Id((("name", "Posthouse"),)), b'* ID ("name" "Posthouse")\r\n'),
        (r.Namespaces(), b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
        (r.Listed(""), b'* LIST () "/" ""\r\n'),
        (r.Listed("Sent", ("\\HasNoChildren", "\\Sent")), b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"\r\n'),
        (r.Listed("a", lsub=True), b'* LSUB () "/" "a"\r\n'),
        (r.Listed("a", child_info=("SUBSCRIBED",)), b'* LIST () "/" "a" ("CHILDINFO" ("SUBSCRIBED"))\r\n'),
        (r.StatusOf("a", (("MESSAGES", 1), ("MAILBOXID", "(F1)"))), b'* STATUS "a" (MESSAGES 1 MAILBOXID (F1))\r\n'),
        (r.Found(()), b"* SEARCH\r\n"),
        (r.Found((2, 5)), b"* SEARCH 2 5\r\n"),
        (r.Found((2, 5), 917162488), b"* SEARCH 2 5 (MODSEQ 917162488)\r\n"),
        (r.Esearch("a", by_uid=True, min=2, count=3, all="2,10:11"), b'* ESEARCH (TAG "a") UID MIN 2 COUNT 3 ALL 2,10:11\r\n'),
        (r.Esearch("a", by_uid=False), b'* ESEARCH (TAG "a")\r\n'),
        (r.Flags(("\\Seen", "$x")), b"* FLAGS (\\Seen $x)\r\n"),
        (r.Exists(3), b"* 3 EXISTS\r\n"),
        (r.Recent(0), b"* 0 RECENT\r\n"),
        (r.Expunged(3), b"* 3 EXPUNGE\r\n"),
        (r.Vanished("1:3", earlier=True), b"* VANISHED (EARLIER) 1:3\r\n"),
        (r.Fetched(1, (attributes.uid(5), attributes.flags({"b", "\\Seen"}))), b"* 1 FETCH (UID 5 FLAGS (\\Seen b))\r\n"),
        (r.Fetched(1, (r.Body(b"BODY[2]", None),)), b"* 1 FETCH (BODY[2] NIL)\r\n"),
        (r.Fetched(1, (r.Body(b"BODY[]", ()),)), b"* 1 FETCH (BODY[] {0}\r\n)\r\n"),
        (r.Fetched(1, (r.Body(b"BINARY[1]", (b"a", b"b"), binary=True),)), b"* 1 FETCH (BINARY[1] ~{2}\r\nab)\r\n"),
    ],
)  # fmt: skip
def test_render(response, octets):
    assert octets == b"".join(render(response))


def test_a_large_section_is_not_copied():
    decoded = b"y" * 100_000
    pieces = render(r.Fetched(1, (r.Body(b"BINARY[1]", (decoded,)), attributes.uid(5))))
    assert pieces == [b"* 1 FETCH (BINARY[1] {100000}\r\n", decoded, b" UID 5)\r\n"]
    assert pieces[1] is decoded


def test_stored_octets_stay_slices():
    """A large message is never put together in memory."""
    stored = Slice("f00d", 0, 10_000_000)
    response = r.Fetched(1, (attributes.uid(5), r.Body(b"BODY[]", (b"X: y\r\n", stored)), attributes.size(10_000_006)))
    assert [
        b"* 1 FETCH (UID 5 BODY[] {10000006}\r\nX: y\r\n",
        stored,
        b" RFC822.SIZE 10000006)\r\n",
    ] == render(response)


@pytest.mark.parametrize(
    "response",
    [
        r.Tagged("a\r\nb", r.Condition.OK, "x"),
        r.Tagged("a", r.Condition.OK, "x", "CODE\r\n* BYE"),
        r.Tagged("a", r.Condition.OK, "x", "CODE] x"),
        r.Flags(("\\Seen\r\n",)),
        r.Listed("a", ("\n",)),
        r.Vanished("1\r\n"),
        r.Enabled(("X\r\n",)),
    ],
)
def test_a_line_end_in_an_atom_is_a_bug_of_ours(response):
    with pytest.raises(LocalError):
        render(response)


@pytest.mark.parametrize("utf8", [False, True])
def test_a_line_end_in_a_name_stays_inside_it(utf8):
    """Such a name cannot be made; if one came from elsewhere it would be no second line."""
    octets = b"".join(render(r.Listed('a\r\n* BYE "x', ()), utf8=utf8))
    assert octets.startswith((b'* LIST () "/" {', b'* LIST () "/" "a&AA0ACg-'))
