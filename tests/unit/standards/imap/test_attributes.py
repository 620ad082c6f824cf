"""FETCH attributes as octets."""

from posthouse.standards.imap import attributes


def test_dates():
    assert attributes.internaldate(837596665) == b'INTERNALDATE "17-Jul-1996 09:44:25 +0000"'
    assert attributes.internaldate(-5) == b'INTERNALDATE "31-Dec-1969 23:59:55 +0000"'
    assert attributes.internaldate(-(10**12)) == b'INTERNALDATE " 1-Jan-0001 00:00:00 +0000"'
    assert attributes.internaldate(10**12) == b'INTERNALDATE "31-Dec-9999 23:59:59 +0000"'
    assert attributes.savedate(None) == b"SAVEDATE NIL"


def test_preview():
    assert attributes.preview("Hello", utf8=False) == b'PREVIEW "Hello"'
    assert attributes.preview("ü", utf8=False) == b"PREVIEW {2}\r\n\xc3\xbc"
    assert attributes.preview("ü", utf8=True) == b'PREVIEW "\xc3\xbc"'
    assert attributes.preview(None, utf8=True) == b"PREVIEW NIL"


def test_flags_are_always_in_the_same_order():
    assert attributes.flags({"\\Seen", "$a", "\\Answered"}) == b"FLAGS ($a \\Answered \\Seen)"


def test_identities():
    assert attributes.email_id("E7") == b"EMAILID (E7)"
    assert attributes.thread_id(None) == b"THREADID NIL"
