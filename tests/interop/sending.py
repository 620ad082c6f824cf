"""Senders of all kinds at the real door of a ``localserve``, and what became of what they sent."""

import imaplib
import re
import secrets
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from localserver import LocalServer, localserve
from nameserver import NameServer

from posthouse.cli.asking import House
from posthouse.standards.arc.seal import seal
from posthouse.standards.arc.verify import Chain, Status
from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_rsa, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import parse_header

PAIR = generate_rsa()
REST = b"To: bob@office.test\r\nDate: Sat, 21 Nov 2026 14:00:00 +0000\r\nSubject: case-%s\r\n\r\nHello Bob\r\n"


@dataclass
class World:
    """A server, the DNS that it asks, and Bob, to whom everybody writes."""

    server: LocalServer
    names: NameServer

    @property
    def house(self) -> House:
        return House(self.server.directory / "data", None, None)

    def sign_for(self, *domains: str, selector: str = "s") -> None:
        """Publish the one key of all tests."""
        for domain in domains:
            self.names.publish(f"{selector}._domainkey.{domain}", txt=[PAIR.record])

    def send(
        self,
        content: bytes,
        mail_from: str,
        *,
        peer: str = "127.0.0.1",
        helo: str = "client.example",
        to: str = "bob@office.test",
    ) -> "Sent":
        """One message on port 25, made by ``letter``."""
        subject = re.search(rb"Subject: (case-[0-9a-f]+)", content)[1].decode()
        with smtplib.SMTP("127.0.0.1", self.server.port("smtp"), source_address=(peer, 0), timeout=60) as client:
            client.ehlo(helo)
            code, text = client.docmd(f"MAIL FROM:<{mail_from}>")
            if code == 250:
                code, text = client.docmd(f"RCPT TO:<{to}>")
            if code == 250:
                client.docmd("DATA")
                client.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
                code, text = client.getreply()
        return Sent(self, code, text.decode(), subject)

    def picked(self, sent: "Sent", field: str) -> list[bytes]:
        """The fields of that name as the server gives them to a client that asks for no others."""
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.port("imaps"), ssl_context=self.server.tls)
        try:
            client.login("bob@office.test", self.server.password("bob"))
            for mailbox in ("INBOX", "Junk"):
                client.select(mailbox, readonly=True)
                _, found = client.search(None, "SUBJECT", sent.subject)
                if found[0]:
                    number = found[0].split()[0].decode()
                    _, parts = client.fetch(number, f"(BODY.PEEK[HEADER.FIELDS ({field})])")
                    unfolded = re.sub(rb"\r\n[ \t]", b" ", parts[0][1])
                    return [line for line in unfolded.split(b"\r\n") if line]
        finally:
            client.logout()
        return []

    def envelope_from(self, subject: str, mailbox: str) -> str:
        """The author of a message of Bob's as IMAP clients list it."""
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.port("imaps"), ssl_context=self.server.tls)
        try:
            client.login("bob@office.test", self.server.password("bob"))
            client.select(mailbox, readonly=True)
            _, found = client.search(None, "SUBJECT", subject)
            _, parts = client.fetch(found[0].split()[0].decode(), "(ENVELOPE)")
            text = b"".join(part if isinstance(part, bytes) else b"".join(part) for part in parts).decode()
        finally:
            client.logout()
        found = re.search(r' NIL "([^"]*)" "([^"]*)"\)\)', text)
        assert found is not None, text
        author = found.groups()
        return "@".join(author)


@dataclass
class Sent:
    world: World
    code: int
    text: str
    subject: str

    @property
    def record(self) -> dict:
        """What the ledger knows under the id in the reply."""
        (trace,) = re.findall(r"\bid ([0-9a-z]{12})\b", self.text)
        return dict(next(row for row in self.world.house.ask("explain", id=trace) if row["kind"] == "record"))

    def stored(self) -> tuple[str, bytes] | None:
        """The mailbox of Bob that it is in, and all of it; None if it is nowhere."""
        client = imaplib.IMAP4_SSL("127.0.0.1", self.world.server.port("imaps"), ssl_context=self.world.server.tls)
        try:
            client.login("bob@office.test", self.world.server.password("bob"))
            for mailbox in ("INBOX", "Junk"):
                client.select(mailbox, readonly=True)
                _, found = client.search(None, "SUBJECT", self.subject)
                if found[0]:
                    _, parts = client.fetch(found[0].split()[0].decode(), "(BODY.PEEK[])")
                    return mailbox, parts[0][1]
        finally:
            client.logout()
        return None


@contextmanager
def world(directory: Path, names: NameServer, extra: str = "") -> Iterator[World]:
    """A server that asks ``names``."""
    words = ["--dns", f"127.0.0.1:{names.port}"]
    if extra:
        (directory / "posthouse.toml").write_text(extra)
        words += ["--config", str(directory / "posthouse.toml")]
    with localserve(directory, *words) as server:
        yield World(server, names)


def letter(author: bytes, more: bytes = b"") -> bytes:
    """A message to Bob, with a Subject that it is found by."""
    return with_header(b"From: " + author + b"\r\n" + more)


def with_header(fields: bytes) -> bytes:
    return fields + REST % secrets.token_hex(8).encode()


def signed(
    message: bytes, *domains: str, selector: str = "s", at: int | None = None, until: int | None = None
) -> bytes:
    """``message`` with signatures on top."""
    header = parse_header(message)
    body = RelaxedBody(inf)
    body.update(message[header.body_start :])
    keys = [signing_key(one, selector, PAIR.der) for one in domains]
    now = int(time.time()) - 10 if at is None else at
    return format_signatures(header, body.digest(), keys, now=now, expires_at=until) + message


def sealed(message: bytes, sealer: str, author: str, *, result: str = "pass") -> bytes:
    """``message`` as the first forwarder seals it, who found ``author`` proven or not."""
    header, body = parse_header(message), RelaxedBody()
    body.update(message[header.body_start :])
    found = [MethodResult("dmarc", result, properties=(Property("header", "from", author),))]
    key, now = signing_key(sealer, "s", PAIR.der), int(time.time()) - 10
    fields = seal(
        header, body.digest(), key, authserv_id=f"mx.{sealer}", results=found, chain=Chain(Status.NONE), now=now
    )
    return fields + message
