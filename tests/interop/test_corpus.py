"""Letters that make parsers stumble: each comes out as it went in, and whoever reads them gets an answer.

The corpus lies beside the repository (``POSTHOUSE_VECTORS``); what SMTP cannot
carry (NUL, bare CR) is refused by a rule of its own (threat S01) and skipped.
"""

import imaplib
import json
import os
import poplib
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

VECTORS = Path(os.environ.get("POSTHOUSE_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "mime" / "data"
WITHOUT_AUTHOR = {"msg_05.txt", "msg_43.txt"}
"""Their From is "foo", and an empty pair of brackets (threat D02)."""
RETURN_PATH = re.compile(rb"(?im)^return-path:.*\r\n")
"""The last delivery writes it, and removes what others wrote (RFC 5321 section 4.4)."""
FILES = sorted(VECTORS.iterdir()) if VECTORS.is_dir() else []

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not FILES, reason=f"no corpus in {VECTORS}"),
]

EVERYTHING = (
    "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE PREVIEW"
    " BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[HEADER] BODY.PEEK[TEXT])"
)
SEARCHES = (
    ("TEXT", "test"),
    ("BODY", "zzz-not-there"),
    ("SUBJECT", "test"),
    ("FROM", "a"),
    ("SENTSINCE", "1-Jan-1990"),
)


@dataclass(frozen=True)
class Reader:
    """Somebody whose mail is the corpus."""

    server: object
    address: str
    password: str

    @contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4_SSL]:
        port, tls = self.server.port("imaps"), self.server.tls
        with imaplib.IMAP4_SSL("localhost", port, ssl_context=tls, timeout=30) as client:
            client.login(self.address, self.password)
            client.select("INBOX")
            yield client

    @contextmanager
    def pop3(self) -> Iterator[poplib.POP3_SSL]:
        client = poplib.POP3_SSL("localhost", self.server.port("pop3s"), context=self.server.tls, timeout=30)
        try:
            client.utf8()  # else RFC 6856 section 2.1 has headers of 8 bits rewritten
            client.user(self.address)
            client.pass_(self.password)
            yield client
            client.quit()
        finally:
            client.close()


@pytest.fixture(scope="module", autouse=True)
def log_before(server) -> int:
    """How much the server had said before: others attack the same one, and alarm it."""
    return (server.directory / "log").stat().st_size


@pytest.fixture(scope="module")
def reader(server) -> Reader:
    program = str(Path(sys.executable).with_name("posthouse"))
    made = subprocess.run(
        [program, "account", "add", "corpus@office.test", "--json", "--dir", str(server.directory / "data")],
        input="", capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return Reader(server, "corpus@office.test", json.loads(made.stdout)["password"])


def without_return_path(letter: bytes) -> bytes:
    head, seam, body = letter.partition(b"\r\n\r\n")
    return RETURN_PATH.sub(b"", head + b"\r\n")[:-2] + seam + body


def as_mail(path: Path) -> bytes:
    """The file with the line ends of mail; the end of its last line, too."""
    octets = path.read_bytes().replace(b"\r\n", b"\n")
    if b"\0" in octets or b"\r" in octets:
        pytest.skip("NUL or bare CR: refused, whoever sends it")
    octets = octets.replace(b"\n", b"\r\n")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_letter_of_the_corpus(reader: Reader, path: Path) -> None:
    letter = as_mail(path)
    with reader.imap() as imap:
        before = int(imap.select("INBOX")[1][0])
        with smtplib.SMTP("127.0.0.1", reader.server.port("smtp"), timeout=20) as smtp:
            if path.name in WITHOUT_AUTHOR:
                with pytest.raises(smtplib.SMTPDataError, match="the From"):
                    smtp.sendmail("x@else.test", [reader.address], letter)
                return
            assert smtp.sendmail("x@else.test", [reader.address], letter, mail_options=("BODY=8BITMIME",)) == {}
        assert imap.append("INBOX", None, None, letter)[0] == "OK"
        imap.noop()
        sent, appended = (octets_of(imap, number) for number in (before + 1, before + 2))
        assert appended == letter
        assert sent.endswith(b"\r\n" + without_return_path(letter))
        assert sent.startswith(b"Return-Path: <x@else.test>\r\nDelivered-To: corpus@office.test\r\n")
        assert_readable(imap, before + 1, before + 2)
    with reader.pop3() as pop3:
        for number, whole in ((before + 1, sent), (before + 2, letter)):
            assert joined(pop3.retr(number)) == whole
            assert whole.startswith(joined(pop3.top(number, 5)))


def octets_of(imap: imaplib.IMAP4, number: int) -> bytes:
    """BODY[] at once; by pieces it is the same."""
    whole = literal(imap, number, "BODY.PEEK[]")
    pieces = [literal(imap, number, f"BODY.PEEK[]<{at}.5000>") for at in range(0, len(whole), 5000)]
    assert b"".join(pieces) == whole
    assert literal(imap, number, "BODY.PEEK[HEADER]") + literal(imap, number, "BODY.PEEK[TEXT]") == whole
    return whole


def literal(imap: imaplib.IMAP4, number: int, item: str) -> bytes:
    answer, parts = imap.fetch(str(number), f"({item})")
    assert answer == "OK"
    return parts[0][1] if isinstance(parts[0], tuple) else b""


def assert_readable(imap: imaplib.IMAP4, *numbers: int) -> None:
    """Each question about them is answered."""
    for number in numbers:
        answer, parts = imap.fetch(str(number), EVERYTHING)
        assert answer == "OK"
        said = b"".join(b"".join(one) if isinstance(one, tuple) else one for one in parts)
        assert all(word in said for word in (b"ENVELOPE (", b"BODYSTRUCTURE (", b"PREVIEW "))
        assert b"BODY[1]" in said
    for words in SEARCHES:
        assert imap.search("UTF-8", f"{numbers[0]}:{numbers[-1]}", *words)[0] == "OK"


def joined(answer: tuple[bytes, list[bytes], int]) -> bytes:
    return b"".join(line + b"\r\n" for line in answer[1])


def test_nothing_alarmed_the_server(server, log_before: int) -> None:
    log = (server.directory / "log").read_bytes()[log_before:]
    assert b"Traceback" not in log
    assert b'"alarm"' not in log
