import pytest

from posthouse.testing.wire import HELLO, MAIL, smtp

UTF8_MAIL = "MAIL FROM:<\u8a0e\u8ad6@client.example> SMTPUTF8"


@pytest.mark.rfc(6531, "3.1", "MUST")
def test_8bitmime_is_offered_beside_it():
    wire = smtp()
    wire.client(HELLO)
    assert b"250-SMTPUTF8\r\n" in wire.written
    assert b"250-8BITMIME\r\n" in wire.written


@pytest.mark.rfc(6531, "3.3", "MUST")
def test_a_utf8_mailbox_is_accepted_with_the_parameter():
    with smtp(HELLO) as wire:
        wire.client(UTF8_MAIL)
        wire.client("RCPT TO:<j\u00fcrgen@b\u00fccher.example>")
        wire.server("250", "250")
        address = wire.door.heard[-1].recipient.address
        assert (address.local, address.domain) == ("j\u00fcrgen", "xn--bcher-kva.example")
        assert address.needs_utf8


@pytest.mark.rfc(6531, "3.4", "MUST")
def test_the_parameter_has_no_value():
    with smtp(HELLO) as wire:
        wire.client(MAIL + " SMTPUTF8=1", MAIL + " smtputf8")
        wire.server("501", "250")


@pytest.mark.rfc(6531, "3.5", "MUST")
@pytest.mark.parametrize("path", ["<\u00fc@client.example>", '<"\u00fc"@client.example>', "<a@b\u00fccher.example>"])
def test_without_the_parameter_a_utf8_address_is_553_with_x_6_7(path):
    with smtp(HELLO) as wire:
        wire.client(f"MAIL FROM:{path}")
        wire.server("553 5.6.7")
        wire.client(MAIL, f"RCPT TO:{path}")
        wire.server("250", "553 5.6.7")


@pytest.mark.rfc(6531, "3.3", "MUST")
def test_what_is_not_utf8_is_refused():
    with smtp(HELLO) as wire:
        wire.client(b"MAIL FROM:<\xfc@client.example> SMTPUTF8\r\n")
        wire.server("500")


@pytest.mark.rfc(6531, "3.3", "MUST")
@pytest.mark.parametrize("domain", ["b\u00fccher.example", "B\u00dcCHER.example", "xn--bcher-kva.example"])
def test_u_labels_and_a_labels_are_one_domain(domain):
    with smtp(HELLO, UTF8_MAIL) as wire:
        wire.client(f"RCPT TO:<a@{domain}>")
        wire.server("250")
        assert wire.door.heard[-1].recipient.address.domain == "xn--bcher-kva.example"


@pytest.mark.rfc(6531, "3.7.4.2", "MUST")
def test_vrfy_may_have_a_utf8_argument():
    with smtp(HELLO) as wire:
        wire.client("VRFY j\u00fcrgen SMTPUTF8")
        wire.server("250")


@pytest.mark.rfc(6531, "3.6", "MUST")
@pytest.mark.parametrize("body", ["7BIT", "8BITMIME"])
def test_body_stands_beside_it(body):
    with smtp(HELLO) as wire:
        wire.client(f"{UTF8_MAIL} BODY={body}")
        wire.server("250")
