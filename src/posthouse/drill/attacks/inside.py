"""What lies on the disk, stands in the journal, and may be asked or done from this machine."""

import asyncio
import base64
import contextlib
import json
import os
import re
import socket
from pathlib import Path

from posthouse.drill.bench import Bench, Unproven
from posthouse.drill.caller import Silent
from posthouse.drill.control import NAME
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter


async def secrets_on_disk(bench: Bench) -> None:
    """O01: every file of the store searched for the passwords that we know, and who may read it."""
    name = await bench.account("secret")
    person = bench.place.person(name)
    async with await bench.submitter(name) as caller:
        bench.twin("the password is known to the server", "250", (await caller.ask(b"NOOP\r\n"))[:3].decode())
    wanted = [secret for word in (person.password,) for secret in _shapes(word)]
    store = bench.place.directory / "store"
    found, open_ = await asyncio.to_thread(_search, store, wanted)
    bench.expect("files with a password in it", [], found)
    bench.expect("files that others may read or write", [], open_)
    bench.expect("who may enter the store", "0o700", oct(store.stat().st_mode & 0o777))


def _shapes(word: str) -> list[bytes]:
    octets = word.encode()
    return [octets, base64.b64encode(octets).rstrip(b"="), octets.hex().encode(), octets[::-1]]


def _search(store: Path, wanted: list[bytes]) -> tuple[list[str], list[str]]:
    found, open_ = [], []
    for file in store.rglob("*"):
        with contextlib.suppress(OSError):
            if file.stat().st_mode & 0o077 and not file.is_symlink():
                open_.append(file.name)
            if file.is_file() and any(secret in (octets := file.read_bytes()) for secret in wanted):
                found.append(f"{file.name} ({len(octets)} octets)")
    return found, open_


HOSTILE = (
    "a\x1b[31mred", "a\x1b]0;title\x07", "a\u202egnp.exe", "a\x9b31m", 'a","event":"forged","x":"', "a\\u000aforged",
    "a\u2028b", "a\x7fb", "a{0}%s%n", "a=b level=alarm", "a'\"`", "x" * 900, "a\u0000b", "a\ufeffb",
)  # fmt: skip
FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]")


async def forged_lines(bench: Bench) -> None:
    """O02: escapes, line ends, quotes and kilobytes as hello, sender, user and subject; every line stays a line."""
    for text in HOSTILE:
        octets = text.encode()
        with contextlib.suppress(Silent, OSError):
            async with await bench.smtp(greeted=False) as caller:
                await caller.reply()
                await caller.ask(b"EHLO ", octets, b"\r\n")
                await caller.ask(b"EHLO honest.test\r\n")
                await caller.ask(b'MAIL FROM:<"', octets.replace(b'"', b'\\"'), b'"@else.test> SMTPUTF8\r\n')
                await caller.ask(b"RCPT TO:<", octets, b"@office.test>\r\n")
            await bench.deliver("bob", letter(f"x {text}"), sender=b'"forged event=%d"@else.test' % len(text))
            async with await bench.guest("imaps") as imap:
                await imap.do(b'LOGIN "%s" "wrong"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
    await bench.benign("bob")
    lines = bench.journal.text().encode().splitlines()
    broken = [line for line in lines if line.startswith(b"{") and not _is_entry(line)]
    bench.expect("lines that are no entry", [], broken)
    bench.expect("octets that a terminal obeys", [], [line[:100] for line in lines if FORBIDDEN.search(line)])
    events = {str(entry.get("event")) for entry in bench.journal.entries()}
    bench.expect("an event that was never", False, "forged" in events)
    longest = max(map(len, lines), default=0)
    bench.expect("octets of the longest line", "at most 16384", longest, ok=0 < longest <= 16384)


def _is_entry(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def secrets_in_logs(bench: Bench) -> None:
    """O03: marked passwords, wrong and right, at every door and by the operator; what was written is searched."""
    mark, name = bench.unique("Hush"), await bench.account("quiet")
    person = bench.place.person(name)
    heard = b""
    for password in (mark, person.password):
        async with await bench.smtp("submissions") as caller:
            heard += await caller.login(person.address, password)
        async with await bench.smtp("submissions") as caller:
            await caller.ask(b"AUTH LOGIN\r\n")
            await caller.ask(base64.b64encode(person.address.encode()), b"\r\n")
            heard += await caller.ask(base64.b64encode(password.encode()), b"\r\n")
            heard += await caller.ask(b"AUTH PLAIN ", password.encode(), b"\r\n")
        async with await bench.guest("imaps") as imap:
            heard += await imap.login(person.address, password)
        async with await bench.pop3(source=bench.stranger()) as pop3:
            heard += await pop3.login(person.address, password)
    changed = bench.unique("Changed-of-the-operator")
    await bench.control("account password", address=person.address, password=changed)
    written = bench.journal.text().encode() + heard
    secret = [shape for word in (mark, person.password, changed) for shape in _shapes(word)[:2]]
    bench.expect("passwords in what was written or answered", 0, sum(shape in written for shape in secret))
    bench.expect("the failures are there all the same", True, person.address.encode() in written)
    bench.twin("and the right one was let in", True, b"235" in heard)


LIBRARIES = ("/usr/", "/lib", "/opt/", "/nix/")


async def what_is_loaded(bench: Bench) -> None:
    """O05: every file mapped into the running process: whence it is, and who else could change it."""
    await bench.benign("bob")
    homes = {str(Path(os.__file__).parent.parent), *LIBRARIES, *_prefixes()}
    rows = [line.split(maxsplit=5) for line in _lines(bench.place.pid, "maps")]
    files = {row[5] for row in rows if len(row) == 6 and "x" in row[1]}
    files = {file for file in files if file.startswith("/")}
    bench.figures["mapped"] = len(files)
    strange = [file for file in files if not any(file.startswith(home) for home in homes)]
    bench.expect("code from elsewhere than the system and our own environment", [], strange)
    open_ = [file for file in files if Path(file).exists() and Path(file).stat().st_mode & 0o002]
    bench.expect("code that everybody may change", [], open_)
    writable = [row for row in rows if "wx" in row[1]]
    bench.expect("memory that is writable and runs", [], writable)


def _prefixes() -> set[str]:
    import sys  # noqa: PLC0415 - for this one question

    return {sys.prefix, sys.base_prefix, sys.exec_prefix}


def _lines(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError as error:
        raise Unproven(f"/proc cannot be read: {error}") from error


OWN_FILES = 0xF
"""Capabilities over files and nothing else: what root keeps who stays root in a sandbox. Nobody else has any."""


async def rights(bench: Bench) -> None:
    """O06: what the kernel says of each of its processes: new privileges, capabilities, system calls, limits."""
    await bench.benign("bob")
    told, main = {}, bench.place.pid
    for pid in bench.vitals.pids:
        rows = dict(line.split(":\t", 1) for line in _lines(pid, "status") if ":\t" in line)
        free = rows.get("NoNewPrivs", "0") != "1" or rows.get("Seccomp", "0") != "2"
        told[pid] = (free, int(rows.get("CapEff", "0"), 16), int(rows.get("PPid", "0")))
    idle = [pid for pid, one in told.items() if one[2] == main]  # makes workers, and hears nobody but the server
    loose = [pid for pid, one in told.items() if one[0] and pid not in idle]
    bench.expect("processes that may gain privileges or make any system call", [], loose)
    bench.remark("the one that makes workers has renounced, too", True, not any(told[pid][0] for pid in idle))
    powers = told[main][1] & ~OWN_FILES
    bench.expect("capabilities in force", "none", f"{powers:#x}", ok=powers == 0)
    core = next(line for line in _lines(bench.place.pid, "limits") if line.startswith("Max core file size"))
    bench.expect("cores that would hold passwords", "0", core.split()[4])
    bench.remark("user", "not root", "root" if os.geteuid() == 0 else "not root", ok=True)


async def control_garbage(bench: Bench) -> None:
    """O09: two thousand requests that are none at the operators' socket; each costs its own connection at most."""
    path = str(bench.place.directory / "store" / NAME)
    shapes = [
        b"", b"\n", b"{}", b"[]", b"null", b'{"do":1}', b'{"do":"queue list","with":[]}', b"\0" * 500, b"[" * 5000,
        b'{"do":"account list","with":{"x":' + b"[" * 900 + b"]" * 900 + b"}}",
        b'"' * 300, b'{"do":"' + b"x" * 9000 + b'"}',
        b'{"do":"account add","with":{"address":"../../x","password":null}}', b'{"do":"__import__","with":{}}',
        b'{"do":"queue drop","with":{"all":"yes"}}', b'{"do":"account show","with":{"address":1e999}}', b"\xff\xfe{}",
    ]  # fmt: skip
    for _ in range(bench.so_many(40, 150)):
        for shape in shapes:
            fuzzed = bytearray(shape)
            for _ in range(bench.chance.randrange(4) if shape else 0):
                fuzzed[bench.chance.randrange(len(fuzzed))] = bench.chance.randrange(256)
            await asyncio.to_thread(_send, path, bytes(fuzzed) + b"\n")
    await asyncio.to_thread(_send, path, b"x" * (4 << 20))
    crowd = await asyncio.to_thread(_crowd, path, 200)
    for one in crowd:
        one.close()
    await bench.benign("bob")
    bench.expect_soon("the operator is answered afterwards", True, await _ask_until(bench))
    bench.twin("with what there is", True, bool(await bench.control("account list")))


async def _ask_until(bench: Bench) -> bool:
    async def asked() -> bool:
        with contextlib.suppress(Exception):
            return bool(await bench.control("account list"))
        return False

    return await bench.wait_until(asked, 10.0)


def _send(path: str, octets: bytes) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(2.0)
        _connect(asking, path)
        asking.sendall(octets)
        asking.recv(4096)


def _crowd(path: str, number: int) -> list[socket.socket]:
    crowd = []
    for _ in range(number):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(1.0)
        with contextlib.suppress(OSError):
            _connect(one, path)
        crowd.append(one)
    return crowd


def _connect(asking: socket.socket, path: str) -> None:
    """However long the path is."""
    directory = os.open(Path(path).parent, os.O_RDONLY)
    try:
        asking.connect(f"/proc/self/fd/{directory}/{Path(path).name}")
    finally:
        os.close(directory)


PATHS = (
    "/", "/healthz", "/metrics", "/debug", "/debug/pprof", "/admin", "/.git/config", "/../../etc/passwd", "/status",
    "/server-status", "/actuator/env", "/config", "/queue", "/accounts", "/%2e%2e/x", "/metrics/..", "/api/v1/query",
)  # fmt: skip


async def figures(bench: Bench) -> None:
    """O10: whatever answers without a login, asked for all that others have left open, and read for names."""
    person, mark = bench.place.person("bob").address, bench.unique("figure")
    await bench.deliver("bob", letter(mark), sender=f"a@{mark}.else.test".encode())
    answered, told = [], b""
    for path in PATHS:
        async with await bench.call("metrics") as caller:
            await caller.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = await caller.rest(5.0)
        told += answer
        answered += [path] if answer.startswith(b"HTTP/1.1 200") else []
    bench.expect("pages that answer", {"/healthz", "/metrics"}, set(answered))
    names = [
        word
        for word in (person, "bob@", mark, "127.0.0.9", "alice", str(bench.place.directory))
        if word.encode() in told
    ]
    bench.expect("names of accounts, peers and directories in them", [], names)
    banners = []
    for service in ("smtp", "imap", "pop3"):
        async with await bench.call(service) as caller:
            banners.append(await caller.line())
    bench.expect("versions in greetings", [], [one for one in banners if re.search(rb"\d+\.\d+\.\d+|[Pp]ython", one)])
    bench.twin("an operator's program gets figures", True, b"posthouse_" in told)


SCENARIOS = (
    Scenario("O01", secrets_on_disk, weakened="O01"),
    Scenario("O02", forged_lines, weakened="O02"),
    Scenario("O03", secrets_in_logs, weakened="O03"),
    Scenario("O05", what_is_loaded, weakened="O05"),
    Scenario("O06", rights, without="[process]\nconfine = false\n"),
    Scenario("O09", control_garbage, weakened="O09", allowance=Allowance(seconds=60)),
    Scenario("O10", figures, weakened="O10"),
)
