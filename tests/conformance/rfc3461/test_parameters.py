import pytest

from posthouse.mail.envelope import Notify, OriginalRecipient, Return
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


def recipient(parameters: str):
    wire = smtp(HELLO, MAIL)
    wire.client(f"{RCPT} {parameters}")
    wire.server("250")
    return wire.door.heard[-1].recipient


def sender(parameters: str):
    wire = smtp(HELLO)
    wire.client(f"{MAIL} {parameters}")
    wire.server("250")
    return wire.door.heard[-1]


def answer(line: str) -> bytes:
    wire = smtp(HELLO, *([] if line.startswith("MAIL") else [MAIL]))
    wire.client(line)
    return wire.written[:3]


@pytest.mark.rfc(3461, "4.1", "MUST")
@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("NEVER", Notify.NEVER),
        ("SUCCESS", Notify.SUCCESS),
        ("success,FAILURE,Delay", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY),
    ],
)
def test_notify_is_never_or_a_list(value, wanted):
    assert recipient(f"NOTIFY={value}").notify == wanted


@pytest.mark.rfc(3461, "4.1", "MUST")
@pytest.mark.parametrize("value", ["", "NEVER,FAILURE", "FAILURE,NEVER", "ALWAYS", "SUCCESS,", "SUCCESS DELAY=1"])
def test_never_stands_alone_and_other_words_are_errors(value):
    assert answer(f"{RCPT} NOTIFY={value}") in {b"501", b"555"}


@pytest.mark.rfc(3461, "4.1", "MUST")
def test_an_absent_notify_is_told_from_never():
    assert recipient("").notify is None


@pytest.mark.rfc(3461, "4.2", "MUST")
def test_orcpt_is_kept_as_it_was_meant():
    assert recipient("ORCPT=rfc822;Bob+2BX@ivory.EDU").original == OriginalRecipient("rfc822", "Bob+X@ivory.EDU")


@pytest.mark.rfc(3461, "4.2", "MUST")
@pytest.mark.parametrize("value", ["", "bob@ivory.edu", ";x", "rfc822;a=b", "rfc822;+4G", "rfc822;" + "x" * 495])
def test_an_orcpt_of_another_form_is_an_error(value):
    assert answer(f"{RCPT} ORCPT={value}") == b"501"


@pytest.mark.rfc(3461, "4.2", "MUST")
def test_an_orcpt_of_five_hundred_characters_is_taken():
    assert len(recipient("ORCPT=rfc822;" + "x" * 493).original.text) == 493


@pytest.mark.rfc(3461, "4.3", "MUST")
@pytest.mark.parametrize(("value", "wanted"), [("FULL", Return.FULL), ("hdrs", Return.HEADERS)])
def test_ret_is_full_or_headers(value, wanted):
    assert sender(f"RET={value}").ret is wanted


@pytest.mark.rfc(3461, "4.3", "MUST")
def test_another_ret_is_an_error():
    assert answer(f"{MAIL} RET=SOME") == b"501"


@pytest.mark.rfc(3461, "4.4", "MUST")
def test_envid_is_xtext_of_at_most_a_hundred_characters():
    assert sender("ENVID=QQ314159+20x").envid == "QQ314159 x"
    assert answer(f"{MAIL} ENVID={'x' * 100}") == b"250"
    assert answer(f"{MAIL} ENVID={'x' * 101}") == b"501"


@pytest.mark.rfc(3461, "4.4", "MUST")
@pytest.mark.parametrize("value", ["+0A", "+00", "+7F", "+C3+BC"])
def test_envid_is_printable_ascii_when_decoded(value):
    assert answer(f"{MAIL} ENVID={value}") == b"501"


@pytest.mark.rfc(3461, "4", "MUST")
@pytest.mark.parametrize(
    "line",
    [
        f"{RCPT} NOTIFY=NEVER NOTIFY=NEVER",
        f"{RCPT} ORCPT=rfc822;a ORCPT=rfc822;a",
        f"{MAIL} RET=FULL RET=HDRS",
        f"{MAIL} ENVID=a ENVID=b",
    ],
)
def test_a_parameter_is_given_once(line):
    assert answer(line) == b"501"


@pytest.mark.rfc(3461, "4", "MUST")
def test_the_keyword_is_dsn():
    wire = smtp()
    wire.client(HELLO)
    assert b"250-DSN\r\n" in wire.written
