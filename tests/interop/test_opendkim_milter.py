"""A Debian Postfix with OpenDKIM as its milter: what we sign it verifies, and what it signs we verify.

One OpenDKIM does both, as many sites run it: for clients inside it signs, of
everybody else it verifies. A second one adds the Ed25519 signature.
"""

import imaplib
import re
import shutil
import smtplib
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from localserver import LocalServer, localserve
from nameserver import NameServer
from office import free_ports, wait_until
from postfix import Postfix, wait_for_port, why_not
from scanners import Program, program
from test_signing_programs import LETTERS

from posthouse.standards.authres.read import parse_results
from posthouse.standards.dkim.keypair import generate_ed25519, generate_rsa
from posthouse.standards.imf.header import parse_header

pytestmark = [
    pytest.mark.ordered,
    pytest.mark.skipif(why_not() is not None, reason=f"{why_not()}"),
    pytest.mark.skipif(not shutil.which("opendkim"), reason="OpenDKIM is not installed"),
]
INSIDE = "127.0.0.9"
THEIRS = {"rsa": generate_rsa(), "ed25519": generate_ed25519()}


@dataclass
class Neighbours:
    """Our server, and theirs, which keeps the mail of ``neighbour.example``."""

    server: LocalServer
    postfix: Postfix

    def arrived(self, subject: str) -> bytes:
        """What OpenDKIM let Postfix file."""

        def found() -> bytes | None:
            return next((one for one in self.postfix.mailbox("boss") if subject.encode() in one), None)

        return wait_until(found, f"{subject} to arrive; {self.postfix.log()[-1500:]}")


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    place = Path(tempfile.mkdtemp(prefix="posthouse-opendkim-"))
    place.chmod(0o755)
    names, (port,) = NameServer(), free_ports(1)
    names.publish("office.test", txt=["v=spf1 -all"])
    for kind, pair in THEIRS.items():
        names.publish(f"{kind}._domainkey.neighbour.example", txt=[pair.record])
    names.publish("_dmarc.neighbour.example", txt=["v=DMARC1; p=reject"])
    with (
        names.running(),
        localserve(place, "--dns", f"127.0.0.1:{names.port}", "--relay", f"127.0.0.1:{port}") as server,
        ExitStack() as stack,
    ):
        milters = []
        for kind in THEIRS:
            milters.append(opendkim(place / kind, server, kind))
            stack.callback(milters[-1].stop)
        postfix = Postfix(
            place / "postfix",
            port,
            "neighbour.example",
            ("boss",),
            {"office.test": ("127.0.0.1", server.port("smtp"))},
            f"smtpd_milters = {', '.join(f'inet:{one.place}' for one in milters)}\nmilter_default_action = tempfail\n",
        )
        stack.callback(postfix.stop)
        postfix.start()
        wait_for_port(port)
        yield Neighbours(server, postfix)
    shutil.rmtree(place, ignore_errors=True)


def opendkim(room: Path, server: LocalServer, kind: str) -> Program:
    """A milter, running, which signs with one key: it finds ours as ``posthouse dns records`` publishes them."""
    room.mkdir(mode=0o755)
    keys = {name: value for name, value in server.records().items() if "_domainkey" in name}
    (room / "dns").write_text("".join(f"{name} {value}\n" for name, value in keys.items()))
    (room / "inside").write_text(f"{INSIDE}\n")
    encoded = b64encode(THEIRS[kind].der).decode()
    lines = "\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
    (room / "key").write_text(f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n")
    (port,) = free_ports(1)
    (room / "conf").write_text(
        f"Socket inet:{port}@127.0.0.1\nBackground no\nSyslog no\nTestDNSData {room}/dns\n"
        f"AuthservID mail.neighbour.example\nAlwaysAddARHeader yes\nOn-BadSignature accept\n"
        f"InternalHosts {room}/inside\nDomain neighbour.example\nSelector {kind}\nKeyFile {room}/key\n"
        f"RequireSafeKeys no\nCanonicalization relaxed/simple\nOversignHeaders From\n"
        + ("Mode sv\n" if kind == "rsa" else f"Mode s\nSignatureAlgorithm {kind}-sha256\n")
    )
    words = [program("opendkim"), "-f", "-x", str(room / "conf")]
    return Program(words, f"127.0.0.1:{port}", room / "log").start()


@pytest.mark.parametrize("case", LETTERS)
def test_what_we_sign_their_milter_verifies(neighbours: Neighbours, case: str) -> None:
    message = parse_header(sent_by_alice(neighbours, case, f"X-Case: {case.replace(' ', '-')}-ours"))
    found = parse_results(message.first("authentication-results"))
    assert found.authserv_id == "mail.neighbour.example"
    signatures = [(one.result, one.property("header", "d")) for one in found.results if one.method == "dkim"]
    assert signatures == [("pass", "office.test")] * 2


def sent_by_alice(neighbours: Neighbours, case: str, mark: str) -> bytes:
    """A letter of ours as it came to the neighbour, with ``mark`` for a field."""
    header, body = LETTERS[case]
    with smtplib.SMTP_SSL(
        "127.0.0.1", neighbours.server.port("submissions"), context=neighbours.server.tls, timeout=60
    ) as client:
        client.login("alice@office.test", neighbours.server.password("alice"))
        content = f"From: Alice <alice@office.test>\r\n{mark}\r\n{header}\r\n{body}".encode()
        options = [] if content.isascii() else ["BODY=8BITMIME"]
        client.sendmail("alice@office.test", ["boss@neighbour.example"], content, options)
    return neighbours.arrived(mark)


def test_what_was_changed_on_the_way_their_milter_sees(neighbours: Neighbours) -> None:
    """A message of ours with another word in it, brought by somebody else."""
    message = sent_by_alice(neighbours, "plain", "X-Case: plain-before").replace(b"\r\n", b"\n")
    signed = message[message.index(b"DKIM-Signature:") :].replace(b"\n", b"\r\n")
    signed = signed.replace(b"see you", b"see me").replace(b"plain-before", b"plain-changed")
    with smtplib.SMTP("127.0.0.1", neighbours.postfix.port, timeout=60) as client:
        client.sendmail("x@else.example", ["boss@neighbour.example"], signed)
    found = parse_results(parse_header(neighbours.arrived("plain-changed")).first("authentication-results"))
    assert {one.result for one in found.results if one.method == "dkim"} == {"fail"}


@pytest.mark.parametrize("case", LETTERS)
def test_what_their_milter_signs_we_verify(neighbours: Neighbours, case: str) -> None:
    """RSA and Ed25519, the body in simple form; the policy of the author is reject, so without proof it is refused."""
    header, body = LETTERS[case]
    mark = f"{case.replace(' ', '-')}-theirs"
    content = f"From: Boss <boss@neighbour.example>\r\nX-Case: {mark}\r\n{header}\r\n{body}".encode()
    with smtplib.SMTP("127.0.0.1", neighbours.postfix.port, source_address=(INSIDE, 0), timeout=60) as client:
        options = [] if content.isascii() else ["BODY=8BITMIME"]
        client.sendmail("boss@neighbour.example", ["bob@office.test"], content, options)
    message = parse_header(wait_until(lambda: stored(neighbours, mark), f"{mark}; {neighbours.postfix.log()[-1500:]}"))
    found = parse_results(message.first("authentication-results"))
    told = [(one.result, one.property("header", "a")) for one in found.results if one.method == "dkim"]
    assert sorted(told) == [("pass", "ed25519-sha256"), ("pass", "rsa-sha256")]
    assert [one.result for one in found.results if one.method == "dmarc"] == ["pass"]
    assert message.first("posthouse-sender") == b"verified neighbour.example"


def stored(neighbours: Neighbours, mark: str) -> bytes | None:
    """Bob's copy."""
    server = neighbours.server
    client = imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=server.tls)
    try:
        client.login("bob@office.test", server.password("bob"))
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "HEADER", "X-Case", mark)
        if not found[0]:
            return None
        _, parts = client.fetch(found[0].split()[0].decode(), "(BODY.PEEK[])")
        whole: bytes = parts[0][1]
        return whole
    finally:
        client.logout()


def test_without_their_signature_it_is_refused(neighbours: Neighbours) -> None:
    content = b"From: boss@neighbour.example\r\nSubject: forged\r\n\r\nno signature\r\n"
    with smtplib.SMTP("127.0.0.1", neighbours.server.port("smtp"), timeout=60) as client:
        client.ehlo("mail.neighbour.example")
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("boss@neighbour.example", ["bob@office.test"], content)
    assert refused.value.smtp_code == 550
    assert re.search(rb"5\.7\.26", refused.value.smtp_error)
