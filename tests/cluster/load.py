"""Senders, readers and a server elsewhere, who keep books: what was acknowledged, what was seen, what arrived."""

import imaplib
import itertools
import random
import socket
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from node import PASSWORD, Node

REPLY_SECONDS = 75.0
"""A sender who is held longer than this gives up; the promise is 60."""


@dataclass(frozen=True)
class Sent:
    """One message that was answered with 250."""

    subject: str
    recipients: tuple[str, ...]
    seconds: float
    at: float
    trace: str = ""
    """The id in the reply: where to look when it is not there."""


@dataclass
class Senders:
    """Clients that send to any node that answers, and write each 250 down outside of all that is tested."""

    nodes: Sequence[Node]
    people: Sequence[str]
    name: str
    clients: int = 12
    outside: bool = True
    acknowledged: list[Sent] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    """No answer to the final dot: it may be there, and would be sent again."""
    refused: list[str] = field(default_factory=list)
    """The final dot was answered with 4yz."""
    unanswered: list[str] = field(default_factory=list)
    """Held for longer than any sender should be, at any command, by a node that is there."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(n,), daemon=True) for n in range(self.clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(REPLY_SECONDS + 10)
        assert not any(thread.is_alive() for thread in self._threads)

    def wait_for(self, more: int, patience: float = 150.0) -> None:
        """Until so many more were acknowledged."""
        wanted, end = len(self.acknowledged) + more, time.monotonic() + patience
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, f"{len(self.acknowledged)} acknowledged, {self.refused[-3:]} refused"
            time.sleep(0.02)

    @property
    def longest(self) -> float:
        """How long a sender waited for 250 at most."""
        return max((one.seconds for one in self.acknowledged), default=0.0)

    def _live(self, client: int) -> None:
        numbers = itertools.count()
        turn = client
        while not self._stop.is_set():
            turn += 1
            try:
                self._visit(self.nodes[turn % len(self.nodes)], client, numbers)
            except OSError:
                time.sleep(0.05)

    def _visit(self, node: Node, client: int, numbers: "itertools.count[int]") -> None:
        with socket.create_connection(("127.0.0.1", node.smtp), 2) as connection:
            connection.settimeout(REPLY_SECONDS)
            replies = connection.makefile("rb")
            try:
                replies.readline()
                _ask(connection, replies, "HELO load.test")
                while not self._stop.is_set():
                    self._send(connection, replies, f"{self.name}-{client}-{next(numbers)}")
            except TimeoutError as silence:
                self.unanswered.append(f"{self.name}-{client} by the node at {node.smtp}: {silence}")
                raise

    def _send(self, connection: socket.socket, replies: "socket.SocketIO", subject: str) -> None:  # type: ignore[type-arg] # generic in the stubs alone
        recipients = tuple(random.sample([f"{one}@office.test" for one in self.people], 2))
        if self.outside and random.random() < 0.2:
            recipients = (*recipients, "friend@elsewhere.test")
        for line in ("MAIL FROM:<load@load.test>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA"):
            _ask(connection, replies, line)
        size = random.choice((200, 3000, 3000, 30_000))
        text = f"From: load@load.test\r\nSubject: {subject}\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72) + ".\r\n"
        began = time.monotonic()
        connection.sendall(text.encode())
        try:
            answer = replies.readline()
        except TimeoutError:
            self.doubtful.append(subject)
            raise
        except OSError:
            answer = b""
        if answer.startswith(b"250"):
            trace = answer.decode().rpartition(" ")[2].strip()
            self.acknowledged.append(Sent(subject, recipients, time.monotonic() - began, began, trace))
        elif answer.startswith(b"421"):  # the node is stopping, and hangs up
            self.doubtful.append(subject)
            raise ConnectionError
        elif answer:
            self.refused.append(f"{subject} {answer.decode().strip()} after {time.monotonic() - began:.1f} s")
        else:
            self.doubtful.append(subject)
            raise ConnectionError


def _ask(connection: socket.socket, replies: "socket.SocketIO", line: str) -> None:  # type: ignore[type-arg] # generic in the stubs alone
    connection.sendall(line.encode() + b"\r\n")
    answer = replies.readline()
    if answer[:1] not in b"23" or not answer:
        raise ConnectionError(answer.decode(errors="replace"))


@dataclass
class Reader:
    """A mail program that asks for what is new, for ever, from any node that answers."""

    nodes: Sequence[Node]
    person: str
    seen: list[int] = field(default_factory=list)
    validities: set[bytes] = field(default_factory=set)
    sessions: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(REPLY_SECONDS + 10)
        assert not self._thread.is_alive()

    def wait_past(self, uid: int, patience: float = 60.0) -> None:
        end = time.monotonic() + patience
        while not self.seen or self.seen[-1] < uid:
            assert time.monotonic() < end, f"{self.person} saw {self.seen[-1:]}, not {uid}"
            time.sleep(0.05)

    def _live(self) -> None:
        for turn in itertools.count():
            if self._stop.is_set():
                return
            try:
                self._visit(self.nodes[turn % len(self.nodes)])
            except (OSError, imaplib.IMAP4.error):
                time.sleep(0.1)

    def _visit(self, node: Node) -> None:
        client = open_mailbox(node, self.person)
        self.sessions += 1
        self.validities.add(client.response("UIDVALIDITY")[1][0])
        try:
            while not self._stop.is_set():
                client.noop()
                self.seen += uids_after(client, self.seen[-1] if self.seen else 0)
                time.sleep(0.05)
        finally:
            client.shutdown()


def open_mailbox(node: Node, person: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=str(node.dir / "cert.pem"))
    client = imaplib.IMAP4_SSL("127.0.0.1", node.imaps, ssl_context=context, timeout=REPLY_SECONDS)
    client.login(f"{person}@office.test", PASSWORD)
    client.select("INBOX", readonly=True)
    return client


def uids_after(client: imaplib.IMAP4, uid: int) -> list[int]:
    """RFC 9051 section 6.4.8: ``n:*`` names the last message even when there is none behind n."""
    found = client.uid("FETCH", f"{uid + 1}:*", "(UID)")[1]
    uids = [int(one.rpartition(b"UID ")[2].rstrip(b")").split()[0]) for one in found if isinstance(one, bytes)]
    return [one for one in uids if one > uid]


def subjects_of(client: imaplib.IMAP4) -> Counter[str]:
    """Of every message, as its reader would see it."""
    status, found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert status == "OK", found  # what came before a NO is a part only
    return Counter(one[1].decode().partition(":")[2].strip() for one in found if isinstance(one, tuple))


class Elsewhere(socketserver.ThreadingTCPServer):
    """The server that takes mail for others; ``subjects`` is what it has taken. ``greeting`` and ``pause`` are waited for
    before it says hello, and before each final answer."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Elsewhere)
        self.subjects: list[str] = []
        self.pause = threading.Event()
        self.pause.set()
        self.greeting = threading.Event()
        self.greeting.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def close(self) -> None:
        self.pause.set()
        self.greeting.set()
        self.shutdown()
        self.server_close()


class _Elsewhere(socketserver.StreamRequestHandler):
    server: Elsewhere

    def handle(self) -> None:
        self.server.greeting.wait()
        try:
            self.wfile.write(b"220 elsewhere.test\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self._take()
                elif verb in {b"EHLO", b"HELO"}:
                    self.wfile.write(b"250 elsewhere.test\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")
        except OSError:
            return

    def _take(self) -> None:
        self.wfile.write(b"354 go on\r\n")
        subject = ""
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return  # whoever sent it thought better of it
            if line.startswith(b"Subject: ") and not subject:
                subject = line[9:].decode().strip()
        self.server.pause.wait()
        self.wfile.write(b"250 taken\r\n")
        self.server.subjects.append(subject)
