"""What an attacker needs: octets on a socket, from whatever address he likes. It shares no code with the house."""

import base64
import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
PATIENCE = 90.0
TLS_BY_PORT = frozenset({"submissions", "imaps", "pop3s"})
NOISE = 12 * 1024 * 1024
"""What allocator arenas and late password hashes move about on a busy machine, beside what the attack costs."""

MIB = 1024 * 1024

_addresses = iter(range(1, 1 << 22))


def stranger() -> str:
    """An address nobody has come from yet, far from all others: each /21 of loopback is used once."""
    number = next(_addresses)
    return f"127.{1 + number // 30 % 250}.{8 * (number % 30) + number // 7500}.{number % 250 + 2}"


def unknown_sender() -> bytes:
    """An address at a domain nobody has heard of: what one domain sends to one recipient is counted (L16)."""
    return b"a@no-%d.test" % next(_addresses)


class Caller:
    """One connection. ``line`` and ``reply`` fail by name when nothing comes; ``rest`` reads to the end."""

    def __init__(self, server, service: str, source: str | None = None, *, tls: bool | None = None) -> None:
        self.server = server
        self.source = source or stranger()
        self.socket: socket.socket = socket.create_connection(
            (HOST, server.port(service)), PATIENCE, source_address=(self.source, 0)
        )
        self._buffer = b""
        if tls if tls is not None else service in TLS_BY_PORT:
            self.shake_hands()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def shake_hands(self) -> None:
        context = ssl.create_default_context(cafile=self.server.ca_file)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def say(self, *octets: bytes) -> bool:
        """Whether all of it could be sent."""
        try:
            self.socket.sendall(b"".join(octets))
        except (ConnectionError, ssl.SSLError):
            return False
        return True

    def pour(self, octets: bytes, most: int, seconds: float = 20.0) -> int:
        """Send ``octets`` again and again until ``most`` are gone, nobody takes them any more, or time is up."""
        sent, end = 0, time.monotonic() + seconds
        self.socket.settimeout(2.0)
        try:
            while sent < most and time.monotonic() < end:
                sent += self.socket.send(octets)
        except (OSError, ssl.SSLError):
            pass
        self.socket.settimeout(PATIENCE)
        return sent

    def _read(self) -> bool:
        try:
            octets = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            octets = b""
        self._buffer += octets
        return bool(octets)

    def line(self) -> bytes:
        """The next line, with its end; empty when the connection is over."""
        while b"\n" not in self._buffer:
            if not self._read():
                return b""
        line, end, self._buffer = self._buffer.partition(b"\n")
        return line + end

    def reply(self) -> bytes:
        """An SMTP reply of any number of lines."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"".join(lines)

    def ask(self, *octets: bytes) -> bytes:
        self.say(*octets)
        return self.reply()

    def rest(self) -> bytes:
        """All that comes until the connection is over."""
        with contextlib.suppress(TimeoutError):
            while self._read():
                pass
            found, self._buffer = self._buffer, b""
            return found
        raise AssertionError(f"the connection does not end; so far: {self._buffer[-300:]!r}")

    def to(self, end: bytes) -> bytes:
        """All up to and with ``end``."""
        at = 0
        while (found := self._buffer.find(end, max(0, at - len(end)))) < 0:
            at = len(self._buffer)
            if not self._read():
                raise AssertionError(f"the connection ended before {end!r}: {self._buffer[-300:]!r}")
        found += len(end)
        octets, self._buffer = self._buffer[:found], self._buffer[found:]
        return octets


# -- SMTP


def smtp(server, service: str = "smtp", source: str | None = None, *, hello: bytes = b"EHLO evil.test\r\n") -> Caller:
    """A caller who has been greeted."""
    caller = Caller(server, service, source)
    assert caller.reply().startswith(b"220"), service
    if service == "submission":
        caller.ask(hello)
        assert caller.ask(b"STARTTLS\r\n").startswith(b"220")
        caller.shake_hands()
    if service == "lmtp":
        hello = hello.replace(b"EHLO", b"LHLO")
    assert caller.ask(hello).startswith(b"250")
    return caller


def plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


def submitter(server, name: str = "alice", *, source: str = HOST) -> Caller:
    """One of our own people, logged in to submit."""
    caller = smtp(server, "submissions", source)
    assert caller.ask(b"AUTH PLAIN ", plain(f"{name}@office.test", server.password(name)), b"\r\n")[:3] == b"235"
    return caller


def send(caller: Caller, sender: bytes, recipients: list[bytes], content: bytes) -> bytes:
    """One message; the reply that decided its fate. ``content`` is complete up to its end mark."""
    reply = caller.ask(b"MAIL FROM:<", sender, b">\r\n")
    for recipient in recipients if reply[:1] == b"2" else []:
        reply = caller.ask(b"RCPT TO:<", recipient, b">\r\n")
        if reply[:1] != b"2":
            break
    if reply[:1] != b"2" or (reply := caller.ask(b"DATA\r\n"))[:1] != b"3":
        caller.ask(b"RSET\r\n")
        return reply
    return caller.ask(content, b"\r\n.\r\n")


# -- IMAP


class Imap(Caller):
    """A caller at imaps, perhaps logged in."""

    def __init__(self, server, name: str = "", source: str = HOST, service: str = "imaps") -> None:
        super().__init__(server, service, source)
        self._tag = 0
        self.greeting = self.line()
        if name:
            answer = self.do(f"LOGIN {name}@office.test {server.password(name)}")
            assert b" OK " in answer, answer

    def do(self, command: str | bytes) -> bytes:
        """All that a command is answered with, its tagged line last."""
        self._tag += 1
        tag = b"a%d" % self._tag
        self.say(tag, b" ", command.encode() if isinstance(command, str) else command, b"\r\n")
        return self.answer(tag)

    def answer(self, tag: bytes) -> bytes:
        """Everything up to the line that begins with ``tag``, literals included as they are."""
        lines = [self.line()]
        while lines[-1] and not lines[-1].startswith((tag + b" ", b"* BYE")):
            literal = re.search(rb"\{(\d+)\}\r\n\Z", lines[-1])
            if literal:
                lines.append(self.take(int(literal[1])))
                lines.append(self.line())
            else:
                lines.append(self.line())
        return b"".join(lines)

    def take(self, octets: int) -> bytes:
        pieces, have = [self._buffer], len(self._buffer)
        while have < octets:
            self._buffer = b""
            if not self._read():
                raise AssertionError("the connection ended within a literal")
            pieces.append(self._buffer)
            have += len(self._buffer)
        whole = b"".join(pieces)
        self._buffer = whole[octets:]
        return whole[:octets]

    def append(self, mailbox: str, message: bytes) -> bytes:
        return self.do(b"APPEND %s {%d+}\r\n%s" % (mailbox.encode(), len(message), message))


def messages(server, name: str, mailbox: str = "INBOX") -> list[bytes]:
    """All messages of a mailbox, as octets."""
    with Imap(server, name) as imap:
        imap.do(f"EXAMINE {mailbox}")
        answer = imap.do("FETCH 1:* BODY.PEEK[]")
    found = []
    while literal := re.search(rb"BODY\[\] \{(\d+)\}\r\n", answer):
        found.append(answer[literal.end() : literal.end() + int(literal[1])])
        answer = answer[literal.end() + int(literal[1]) :]
    return found


def empty(server, name: str, mailbox: str = "INBOX") -> None:
    with Imap(server, name) as imap:
        imap.do(f"SELECT {mailbox}")
        imap.do("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        imap.do("EXPUNGE")


def deliver(server, name: str, message: bytes, source: str = HOST) -> bytes:
    """A message from outside for one of our people."""
    with smtp(server, "smtp", source) as caller:
        reply = send(caller, unknown_sender(), [f"{name}@office.test".encode()], message)
        caller.say(b"QUIT\r\n")
        return reply


# -- POP3


class Pop3(Caller):
    def __init__(self, server, name: str = "", source: str = HOST, service: str = "pop3s") -> None:
        super().__init__(server, service, source)
        self.greeting = self.line()
        if name:
            self.ask_line(f"USER {name}@office.test".encode())
            answer = self.ask_line(b"PASS " + server.password(name).encode())
            assert answer.startswith(b"+OK"), answer

    def ask_line(self, *octets: bytes) -> bytes:
        self.say(*octets, b"\r\n")
        return self.line()


# -- the operator


def operate(server, operation: str, **given: object) -> list[dict]:
    """What the control socket of the house says to an operation, row by row."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        control.connect(str(server.directory / "data" / "store" / "control.sock"))
        with control.makefile("rwb") as wire:
            wire.write(json.dumps({"do": operation, "with": given}).encode() + b"\n")
            wire.flush()
            control.shutdown(socket.SHUT_WR)
            answers = [json.loads(line) for line in wire]
    assert answers, "hung up"
    assert "done" in answers[-1], answers[-1]
    return [answer["row"] for answer in answers[:-1]]


# -- the house under attack, seen from outside


ATTACKED = frozenset({"auth.attacked", "auth.spray", "auth.flood"})
"""Alarms about guesses at passwords, which several tests of one run make together."""


class House:
    """What the kernel and the journal tell about the server's process."""

    def __init__(self, server) -> None:
        self.server = server
        self.pid: int = server.endpoints["pid"]
        self._log: Path = server.directory / "log"
        self._from = self._log.stat().st_size

    @property
    def resident(self) -> int:
        """Octets of memory."""
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())[1]) * 1024

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def cpu_seconds(self) -> float:
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100

    @property
    def family_cpu_seconds(self) -> float:
        """The same with all processes that come from the server's, those that are gone included."""
        lives: dict[int, tuple[int, int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = stat.read_text().rpartition(")")[2].split()
                lives[int(stat.parent.name)] = int(words[1]), sum(map(int, words[11:15]))
        family, found = {self.pid}, 0
        while len(family) > found:
            found = len(family)
            family |= {pid for pid, (parent, _) in lives.items() if parent in family}
        return sum(lives[pid][1] for pid in family if pid in lives) / 100

    @property
    def journal(self) -> list[dict]:
        """What was noted since this was made."""
        with self._log.open("rb") as file:
            file.seek(self._from)
            lines = file.read().rpartition(b"\n")[0].splitlines()  # the last may be only half written
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def noted(self, event: str) -> list[dict]:
        return [entry for entry in self.journal if entry["event"] == event]

    def check(self, alarms: frozenset[str] = frozenset()) -> None:
        """Alive, at the service of others, without a bug or an alarm but these, which are written at once."""
        assert Path(f"/proc/{self.pid}").exists(), "the server died"
        with smtp(self.server, "smtp", HOST) as caller:
            assert caller.ask(b"NOOP\r\n").startswith(b"250")
        known = alarms | ATTACKED
        bad = [entry for entry in self.journal if entry["level"] == "alarm" and entry["event"] not in known]
        assert not bad, json.dumps(bad[:2], indent=1)[:4000]


_warm: set[int] = set()
"""Servers, by process, whose pool has hashed before: what it took stays with it, 19 MiB a worker."""


def _warm_up(server) -> None:
    """Two wrong passwords at once for somebody nobody knows."""
    if server.endpoints["pid"] in _warm or "submissions" not in server.endpoints["services"]:
        return
    _warm.add(server.endpoints["pid"])
    callers = [smtp(server, "submissions", stranger()) for _ in range(2)]
    for caller in callers:
        caller.say(b"AUTH PLAIN ", plain("nobody@office.test", "warm"), b"\r\n")
    for caller in callers:
        caller.reply()
        caller.close()


@contextlib.contextmanager
def bounded(server, *, octets: int = 64 * MIB, alarms: frozenset[str] = frozenset()) -> Iterator[House]:
    """The house costs at most ``octets`` more of memory while the block runs, and is well after it (H2, H4)."""
    _warm_up(server)
    house = House(server)
    before = house.resident
    yield house
    grown = house.resident - before
    assert grown <= octets + NOISE, f"{grown / MIB:.0f} MiB more"
    house.check(alarms)


def yardstick() -> float:
    """Seconds of CPU that this machine, as busy as it is now, takes for a fixed piece of work: a tenth of one or so."""
    started = time.process_time()
    sum(number * number % 7 for number in range(1_000_000))
    return time.process_time() - started


def wait_for(found, what: str, seconds: float = PATIENCE):
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return answer
