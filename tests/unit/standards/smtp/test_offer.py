from posthouse.standards.smtp.events import Hello
from posthouse.standards.smtp.offer import Offer, hello_reply

OFFER = Offer(
    hostname="mx.office.test", max_octets=5000, starttls=True, mechanisms=("PLAIN", "LOGIN"), recipients_max=7, messages_max=3
)  # fmt: skip
EHLO = Hello("EHLO", "a.example")


def test_in_the_clear_tls_is_offered_and_no_login():
    assert hello_reply(OFFER, EHLO, secured=False, authenticated=False).text == (
        "mx.office.test",
        "PIPELINING",
        "SIZE 5000",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "BINARYMIME",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "LIMITS RCPTMAX=7 MAILMAX=3",
        "STARTTLS",
        "HELP",
    )


def test_under_tls_login_is_offered_until_it_succeeds():
    secured = hello_reply(OFFER, EHLO, secured=True, authenticated=False).text
    assert "AUTH PLAIN LOGIN" in secured
    assert "STARTTLS" not in secured
    assert "AUTH PLAIN LOGIN" not in hello_reply(OFFER, EHLO, secured=True, authenticated=True).text


def test_helo_names_the_server_and_nothing_else():
    answer = hello_reply(OFFER, Hello("HELO", "a.example"), secured=False, authenticated=False)
    assert answer.octets == b"250 mx.office.test\r\n"


def test_a_door_without_tls_and_login_offers_neither():
    bare = Offer(hostname="lmtp.office.test", max_octets=1, lmtp=True)
    text = hello_reply(bare, Hello("LHLO", "a.example"), secured=False, authenticated=False).text
    assert not any(line.startswith(("STARTTLS", "AUTH")) for line in text)
