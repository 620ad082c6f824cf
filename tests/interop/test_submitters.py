"""Who is logged in writes in no other name (threat A08): forging forms at the real submission door, each refused."""

import re
import secrets
import smtplib

import pytest
from localserver import LocalServer
from nameserver import NameServer
from sending import Sent, World

REST = b"To: bob@office.test\r\nDate: Sat, 21 Nov 2026 14:00:00 +0000\r\nSubject: case-%s\r\n\r\nHello Bob\r\n"
FORGED = {
    "somebody else": b"From: boss@office.test\r\n",
    "elsewhere": b"From: boss@bank.test\r\n",
    "an address of nobody": b"From: nobody@office.test\r\n",
    "below our domain": b"From: alice@sub.office.test\r\n",
    "our domain and more": b"From: alice@office.test.evil.test\r\n",
    "two fields, own first": b"From: alice@office.test\r\nFrom: carol@office.test\r\n",
    "two fields, own last": b"From: carol@office.test\r\nFrom: alice@office.test\r\n",
    "two addresses": b"From: alice@office.test, carol@office.test\r\n",
    "two addresses and a Sender": b"From: alice@office.test, carol@office.test\r\nSender: alice@office.test\r\n",
    "own name, another address": b'From: "alice@office.test" <carol@office.test>\r\n',
    "a name that is an address": b"From: alice@office.test <carol@office.test>\r\n",
    "two in brackets": b"From: <alice@office.test> <carol@office.test>\r\n",
    "brackets in brackets": b"From: <carol@office.test <alice@office.test>>\r\n",
    "a route": b"From: <@office.test:carol@office.test>\r\n",
    "a group": b"From: x: carol@office.test, alice@office.test;\r\n",
    "Sender": b"From: alice@office.test\r\nSender: carol@office.test\r\n",
    "two Senders": b"From: alice@office.test\r\nSender: alice@office.test\r\nSender: carol@office.test\r\n",
    "Resent-From": b"Resent-From: carol@office.test\r\nFrom: alice@office.test\r\n",
    "Resent-Sender": b"Resent-Sender: carol@office.test\r\nFrom: alice@office.test\r\n",
    "a blank before": b" From: carol@office.test\r\nFrom: alice@office.test\r\n",
    "a blank before the second": b"From: alice@office.test\r\nX: y\r\n\x0bFrom: carol@office.test\r\n",
    "a mark before": b"\xef\xbb\xbfFrom: carol@office.test\r\nFrom: alice@office.test\r\n",
    "a mark before the colon": b"From\xc2\xa0: carol@office.test\r\nFrom: alice@office.test\r\n",
    "folded before the colon": b"From\r\n : carol@office.test\r\nFrom: alice@office.test\r\n",
    "no From": b"Sender: alice@office.test\r\n",
    "an empty one": b"From: <>\r\n",
    "an encoded one": b"From: =?utf-8?q?carol=40office=2Etest?=\r\n",
    "a control character": b"From: carol@office.test\x08 <alice@office.test>\r\n",
    "an open comment": b"From: alice@office.test (carol@office.test\r\n",
    "an open quote": b'From: "alice@office.test <carol@office.test>\r\n',
    "percent": b"From: alice%office.test@bank.test\r\n",
    "a full-width sign": "From: carol＠office.test\r\n".encode(),  # noqa: RUF001 - that is the attack
}
SENDERS = [
    "carol@office.test", "nobody@office.test", "alice@bank.test", "alice@sub.office.test", "alice%office.test@bank.test",
    '"alice@office.test"@bank.test', "alice@office.test.", "postmaster@office.test",
]  # fmt: skip


@pytest.fixture
def alice(server: LocalServer):
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=server.tls)
        client.login("alice@office.test", server.password("alice"))
        yield client


def submit(server: LocalServer, client: smtplib.SMTP, content: bytes, mail_from: str = "alice@office.test") -> Sent:
    subject = re.search(rb"Subject: (case-[0-9a-f]+)", content)[1].decode()
    code, text = client.docmd(f"MAIL FROM:<{mail_from}>")
    if code == 250:
        client.rcpt("bob@office.test")
        client.docmd("DATA")
        client.send(content + b".\r\n")
        code, text = client.getreply()
    return Sent(World(server, NameServer()), code, text.decode(), subject)


@pytest.mark.parametrize("fields", FORGED.values(), ids=FORGED)
def test_no_other_name(server: LocalServer, alice: smtplib.SMTP, fields: bytes) -> None:
    sent = submit(server, alice, fields + REST % secrets.token_hex(8).encode())
    assert sent.code in {550, 554}, sent.text
    assert sent.stored() is None


@pytest.mark.parametrize("mail_from", SENDERS)
def test_no_other_sender(server: LocalServer, alice: smtplib.SMTP, mail_from: str) -> None:
    sent = submit(server, alice, b"From: alice@office.test\r\n" + REST % secrets.token_hex(8).encode(), mail_from)
    assert sent.code in {501, 553}
    assert sent.stored() is None


def test_ones_own_name_is_verified_and_nothing_else_claims_it(server: LocalServer, alice: smtplib.SMTP) -> None:
    claimed = b"Posthouse-Sender: verified bank.test\r\nAuthentication-Results: mx.office.test; dmarc=pass\r\n"
    content = claimed + b"From: Alice <alice@office.test>\r\n" + REST % secrets.token_hex(8).encode()
    sent = submit(server, alice, content)
    assert sent.code == 250
    _, octets = sent.stored()
    assert re.findall(rb"(?im)^(?:posthouse-sender|authentication-results).*$", octets) == [
        b"Posthouse-Sender: verified office.test\r"
    ]
