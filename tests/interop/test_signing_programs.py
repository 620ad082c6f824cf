"""What is submitted leaves with signatures that other programs verify: dkimpy and OpenDKIM, over the real door.

The records come from ``posthouse dns records``, as an operator would publish them.
"""

import base64
import re
import shutil
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest
from localserver import LocalServer, localserve
from office import wait_until

from posthouse.standards.dkim.keypair import generate_ed25519, generate_rsa

POSTHOUSE = str(Path(sys.executable).with_name("posthouse"))
OPENDKIM = shutil.which("opendkim")

PLAIN = "Hello  there \r\n\r\n.\r\n..\r\nsee you\t\t\r\n\r\n\r\n"
LETTERS = {
    "plain": ("Subject: Hi  there\r\nTo: friend@elsewhere.test\r\n", PLAIN),
    "folded": ("Subject: a\r\n long\r\n\t  subject\r\nTo: a@elsewhere.test,\r\n b@elsewhere.test\r\n", "x\r\n"),
    "empty body": ("Subject: nothing\r\n", ""),
    "only line ends": ("Subject: nothing\r\n", "\r\n\r\n\r\n"),
    "with a Bcc": ("Subject: Hi\r\nBcc: secret@elsewhere.test\r\n", "x\r\n"),
    "twice the same field": ("Subject: Hi\r\nX-One: 1\r\nX-One: 2\r\nCc: c@elsewhere.test\r\n", "x\r\n"),
    "MIME": ("Subject: Hi\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n", "Grüße\r\n"),
    "long": ("Subject: long\r\n", "0123456789 abcdefghi \r\n" * 20_000),
}

pytestmark = pytest.mark.ordered


@dataclass
class Posted:
    """A server that keeps what leaves, and the DNS records of its domain."""

    server: LocalServer
    records: dict[str, str]

    def send(self, header: str, body: str) -> bytes:
        """What the next hop would have got of a letter of alice."""
        outside = self.server.directory / "data" / "outside"
        before = set(outside.glob("*.eml"))
        with smtplib.SMTP_SSL(
            "127.0.0.1", self.server.port("submissions"), context=self.server.tls, timeout=60
        ) as client:
            client.login("alice@office.test", self.server.password("alice"))
            content = f"From: Alice <alice@office.test>\r\n{header}\r\n{body}".encode()
            options = [] if content.isascii() else ["BODY=8BITMIME"]
            client.sendmail("alice@office.test", ["friend@elsewhere.test"], content, options)
        (file,) = wait_until(lambda: set(outside.glob("*.eml")) - before, "the letter to leave")
        return file.read_bytes()

    def answer(self, name: bytes, timeout: int = 5) -> bytes | None:
        found = self.records.get(name.rstrip(b".").decode())
        return found.encode() if found is not None else None


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Posted]:
    with localserve(tmp_path_factory.mktemp("signing")) as server:
        yield Posted(server, server.records())


def test_the_records_can_be_published(posted):
    assert sum("._domainkey.office.test" in name for name in posted.records) == 2


@pytest.mark.parametrize("case", LETTERS)
def test_dkimpy_verifies_both_signatures(posted, case):
    message = posted.send(*LETTERS[case])
    for which in (0, 1):
        assert dkim.DKIM(message).verify(idx=which, dnsfunc=posted.answer), (which, message[:3000])


def test_dkimpy_sees_what_was_changed(posted):
    message = posted.send(*LETTERS["plain"])
    for changed in (
        message.replace(b"see you", b"see me"),
        message.replace(b"Hi  there", b"Hi where"),
        b"Subject: another\r\n" + message,
        b"From: boss@office.test\r\n" + message,
        message + b"more\r\n",
    ):
        for which in (0, 1):
            try:
                verified = dkim.DKIM(changed).verify(idx=which, dnsfunc=posted.answer)
            except dkim.DKIMException:
                verified = False
            assert not verified


@pytest.fixture
def opendkim(posted: Posted, tmp_path: Path):
    """The results of the real OpenDKIM for a message, top to bottom."""
    if OPENDKIM is None:
        pytest.skip("OpenDKIM is not installed")
    names = tmp_path / "dns"
    names.write_text("".join(f"{name} {value}\n" for name, value in posted.records.items() if "_domainkey" in name))
    config = tmp_path / "conf"
    config.write_text(
        f"Mode v\nTestDNSData {names}\nOn-BadSignature accept\nBackground no\n"
        "AlwaysAddARHeader yes\nAuthservID verifier.test\nMinimumKeyBits 1024\n"
    )

    def ask(message: bytes) -> list[str]:
        file = tmp_path / "letter.eml"
        file.write_bytes(message)
        done = subprocess.run(
            [OPENDKIM, "-x", str(config), "-vvv", "-t", str(file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        found = [line.strip().removeprefix("dkim=") for line in done.stdout.splitlines()]
        return [line.partition(" ")[0] for line in found if "header.d=office.test" in line]

    return ask


@pytest.mark.parametrize("case", LETTERS)
def test_opendkim_verifies_both_signatures(posted, opendkim, case):
    assert opendkim(posted.send(*LETTERS[case])) == ["pass", "pass"]


def test_opendkim_sees_what_was_changed(posted, opendkim):
    message = posted.send(*LETTERS["plain"])
    assert opendkim(message.replace(b"Hi  there", b"Hi where")) == ["fail", "fail"]
    assert opendkim(b"From: boss@office.test\r\n" + message) == ["fail", "fail"]


def test_after_a_rotation_both_generations_are_verified(posted, opendkim):
    """Signed before, read after: the old record is still among those to publish."""
    before = posted.send(*LETTERS["plain"])
    place = ["--json", "--dir", str(posted.server.directory / "data")]
    for words in (["dkim", "rotate", "office.test"], ["dkim", "activate", "office.test"]):
        subprocess.run([POSTHOUSE, *words, *place], capture_output=True, check=True, timeout=60)
    posted.records |= posted.server.records()
    after = posted.send(*LETTERS["plain"])
    for message in (before, after):
        assert dkim.DKIM(message).verify(idx=0, dnsfunc=posted.answer)
    selectors = [message.partition(b"s=")[2].partition(b";")[0] for message in (before, after)]
    assert selectors[0] != selectors[1]


PKCS8 = (
    bytes.fromhex("020100300d06092a864886f70d010101050004"),  # RFC 5208 section 5, with RSA
    bytes.fromhex("020100300506032b657004220420"),  # RFC 8410 section 7
    b"PRIVATE KEY",
)


def has_private_key(octets: bytes) -> bool:
    """As PEM or DER, as it is or in base64."""
    runs = re.findall(rb"[A-Za-z0-9+/]{40,}", octets)
    shifted = [run[shift:] for run in runs for shift in range(4)]
    decoded = [base64.b64decode(run[: len(run) // 4 * 4]) for run in shifted]
    return any(mark in piece for piece in (octets, *decoded) for mark in PKCS8)


def test_a_private_key_would_be_found():
    for pair in (generate_rsa(), generate_ed25519()):
        for form in (pair.der, pair.pem, b'x"' + base64.b64encode(pair.der), b"abc" + base64.b64encode(pair.der)):
            assert has_private_key(form)
        assert not has_private_key(pair.record.encode())


def test_the_store_holds_no_private_key_in_the_clear(posted):
    """Threat O01."""
    store = posted.server.directory / "data" / "store"
    assert (store / "master.key").stat().st_mode & 0o077 == 0
    found = 0
    for path in store.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            found += octets.count(b"dkim.key")
            assert not has_private_key(octets), path
    assert found, "the keys are here"


def test_signing_does_not_wait_for_its_turn(posted):
    """A burst of letters leaves, each signed."""
    outside = posted.server.directory / "data" / "outside"
    before = set(outside.glob("*.eml"))
    with smtplib.SMTP_SSL(
        "127.0.0.1", posted.server.port("submissions"), context=posted.server.tls, timeout=60
    ) as client:
        client.login("alice@office.test", posted.server.password("alice"))
        for number in range(30):
            client.sendmail(
                "alice@office.test",
                ["friend@elsewhere.test"],
                f"From: alice@office.test\r\nSubject: {number}\r\n\r\nHello\r\n".encode(),
            )
    wait_until(lambda: len(set(outside.glob("*.eml")) - before) == 30, "thirty letters to leave")
    for file in set(outside.glob("*.eml")) - before:
        assert file.read_bytes().count(b"DKIM-Signature: v=1;") == 2
