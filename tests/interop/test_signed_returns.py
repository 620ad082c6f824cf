"""A report comes to the return path that its message left with, and only a true one does (threat B07)."""

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from attacker import House, Imap
from localserver import LocalServer, localserve

REPORT = (
    "From: MAILER-DAEMON@elsewhere.test\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    "--b\r\n\r\nIt could not be delivered; we do not say what.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; mx.elsewhere.test\r\n\r\nFinal-Recipient: rfc822; y@elsewhere.test\r\nAction: failed\r\n"
    "Status: 5.1.1\r\n\r\n--b--\r\n"
)


class Sink(socketserver.StreamRequestHandler):
    """Takes all mail and remembers who it was from."""

    senders: ClassVar[list[str]] = []
    came = threading.Event()

    def handle(self) -> None:
        self.wfile.write(b"220 sink ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                self.senders.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.came.set()
            self.wfile.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")


@pytest.fixture
def sink() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def subjects(server: LocalServer, mailbox: bytes) -> bytes:
    with Imap(server, "alice") as reader:
        reader.do(b"SELECT " + mailbox)
        return reader.do(b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")


def test_a_true_report_comes_back_and_a_forged_one_goes_to_junk(tmp_path: Path, sink: int) -> None:
    config = tmp_path / "signed.toml"
    config.write_text('hostname = "mx.office.test"\n[filter.bounces]\nsign = true\n')
    with localserve(tmp_path, "--relay", f"127.0.0.1:{sink}", "--config", str(config)) as server:
        with smtplib.SMTP_SSL("127.0.0.1", server.port("submissions"), context=server.tls) as sender:
            sender.login("alice@office.test", server.password("alice"))
            sender.sendmail("alice@office.test", ["x@elsewhere.test"], "From: alice@office.test\r\n\r\nhello\r\n")
        assert Sink.came.wait(30)
        (path,) = Sink.senders
        assert path.startswith("alice+b")
        with smtplib.SMTP("127.0.0.1", server.port("smtp")) as other:
            other.sendmail("", [path], REPORT.format(to=path, subject="a true report"))
            other.sendmail("", ["alice@office.test"], REPORT.format(to="alice@office.test", subject="a forged report"))
        assert b"a true report" in subjects(server, b"INBOX")
        assert b"a forged report" in subjects(server, b"Junk")
        House(server).check()
