"""Response codes."""

from posthouse.standards.imap import codes


def test_codes():
    assert codes.copy_uid(9, [(1, 4), (2, 5), (3, 6), (7, 7)]) == "COPYUID 9 1:3,7 4:7"
    assert codes.copy_uid(9, []) == ""
    assert codes.permanent_flags(["\\Seen"]) == "PERMANENTFLAGS (\\Seen \\*)"
    assert codes.modified([7, 9]) == "MODIFIED 7,9"
    assert codes.append_uid(9, 5) == "APPENDUID 9 5"
    assert codes.mailbox_id("F1") == "MAILBOXID (F1)"
