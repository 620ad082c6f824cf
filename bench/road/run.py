#!/usr/bin/env python3
"""Posthouse and Postfix on the same road, in turn, in one run; prints the ratio of each pair.

Needs Debian's postfix (for the server, smtp-source and smtp-sink) and, because
Postfix wants it, root. Run it with the Python of the project's virtual
environment. See ``bench/README.md``.
"""

import argparse
import imaplib
import json
import os
import platform
import resource
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import Postfix, Posthouse, Server, Sink, missing_programs
from tree import Peak

Row = dict[str, float]


def fdatasync_rate(base: str | None, seconds: float = 0.5) -> int:
    """Appends of 4 KiB with fdatasync a second: what the disk gives just now."""
    descriptor, path = tempfile.mkstemp(dir=base)
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
        done += 1
    os.close(descriptor)
    Path(path).unlink()
    return int(done / seconds)


def smtp_source(server: Server, *, sessions: int, octets: int, messages: int, kept: bool) -> None:
    command = ["smtp-source", "-4", "-M", "localhost", "-f", "sender@src.test", "-t", server.recipient]
    command += ["-s", str(sessions), "-l", str(octets), "-m", str(messages), *(["-d"] if kept else [])]
    done = subprocess.run(
        [*command, f"127.0.0.1:{server.port}"], check=False, capture_output=True, text=True, timeout=300
    )
    if done.returncode or done.stderr.strip():
        raise RuntimeError(f"smtp-source against {server.name}: {(done.stdout + done.stderr).strip()[-400:]}")


def load(kind: type[Server], options: argparse.Namespace, *, octets: int, messages: int, relay: bool) -> Row:
    """One server, one load: until every message is in its last place."""
    sink = Sink() if relay else None
    server = kind(relay_to=sink.port if sink else None, base=options.base)
    place = sink or server
    try:
        warm = min(200, messages)
        smtp_source(server, sessions=options.sessions, octets=4096, messages=warm, kept=options.kept)
        wait_for(place, warm)
        before = server.tree.resident_kib()
        peak = Peak(server.tree)
        peak.start()
        cpu, start = server.tree.cpu_seconds(), time.perf_counter()
        smtp_source(server, sessions=options.sessions, octets=octets, messages=messages, kept=options.kept)
        accepted = time.perf_counter() - start
        wait_for(place, warm + messages)
        elapsed = time.perf_counter() - start
        used = server.tree.cpu_seconds() - cpu
        peak.stop.set()
        return {
            "accepted a second": messages / accepted,
            "done a second": messages / elapsed,
            "MiB a second": messages * octets / elapsed / 2**20,
            "CPU ms a message": used / messages * 1000,
            "memory added MiB": max(0, peak.kib - before) / 1024,
        }
    finally:
        server.end()
        if sink:
            sink.end()


def wait_for(place: Server | Sink, messages: int) -> None:
    end = time.monotonic() + 120
    while place.received() < messages:
        if time.monotonic() > end:
            raise RuntimeError(f"only {place.received()} of {messages} messages arrived")
        time.sleep(0.02)


def compare(title: str, options: argparse.Namespace, *, octets: int, messages: int, relay: bool = False) -> None:
    """Rounds of Postfix and Posthouse in turn; medians and the ratio pair by pair."""
    rounds: list[tuple[Row, Row]] = []
    print(f"\n{title}: {messages} messages of {octets} octets, {options.sessions} sessions, {options.rounds} rounds")
    for _ in range(options.rounds):
        disk = fdatasync_rate(options.base)
        pair = tuple(
            load(kind, options, octets=octets, messages=messages, relay=relay) for kind in (Postfix, Posthouse)
        )
        rounds.append((pair[0], pair[1]))
        ratio = pair[1]["done a second"] / pair[0]["done a second"]
        print(f"  round: disk {disk} fdatasync/s, ratio {ratio:.2f}", flush=True)
    print(f"  {'':24}{'Postfix':>12}{'Posthouse':>12}{'ratio':>8}  (min to max)")
    for name in rounds[0][0]:
        theirs, ours = (statistics.median(pair[side][name] for pair in rounds) for side in (0, 1))
        ratios = [pair[1][name] / pair[0][name] for pair in rounds if pair[0][name]]
        spread = f"{statistics.median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        print(f"  {name:24}{theirs:12.2f}{ours:12.2f}{spread}")
    keep(options, title, {"rounds": rounds, "octets": octets, "messages": messages})


def idle(options: argparse.Namespace) -> None:
    """Resident memory that one idle connection costs, protocol by protocol."""
    server = Posthouse(base=options.base)
    try:
        for protocol, number in (("smtp", options.smtp_connections), ("imap", options.imap_connections)):
            if protocol == "imap":  # the processes that hash passwords begin with the first logins
                for connection in idle_imap(server, 4):
                    connection.close()
                time.sleep(1)
            before = server.tree.resident_kib()
            open_ones = idle_smtp(server, number) if protocol == "smtp" else idle_imap(server, number)
            time.sleep(1)
            after = server.tree.resident_kib()
            each = (after - before) / len(open_ones)
            print(
                f"  {protocol}: {len(open_ones)} idle connections, {each:.1f} KiB each ({after / 1024:.0f} MiB in all)"
            )
            keep(options, f"idle {protocol}", {"connections": len(open_ones), "KiB each": each})
            for connection in open_ones:
                connection.close()
            time.sleep(1)
    finally:
        server.end()


def idle_smtp(server: Server, number: int) -> list[socket.socket]:
    """Connections that have said EHLO and then nothing."""
    chooser, done = selectors.DefaultSelector(), []
    for _ in range(number):
        connection = socket.create_connection(("127.0.0.1", server.port), 10)
        connection.settimeout(10)
        connection.recv(512)
        connection.sendall(b"EHLO idle.localhost\r\n")
        done.append(connection)
    for connection in done:
        if not connection.recv(4096).startswith(b"250"):
            raise RuntimeError("EHLO was refused")
    chooser.close()
    return done


def idle_imap(server: Posthouse, number: int) -> list[ssl.SSLSocket]:
    """IMAP connections over TLS that have logged in, selected INBOX and wait in IDLE."""
    found = server.endpoints
    accounts = found["accounts"]
    assert isinstance(accounts, list)
    services = found["services"]
    assert isinstance(services, dict)
    context = ssl.create_default_context(cafile=str(found["ca_file"]))
    done = []
    for turn in range(number):
        account = accounts[turn % len(accounts)]
        client = imaplib.IMAP4_SSL("127.0.0.1", services["imaps"]["port"], ssl_context=context)
        client.login(account["address"], account["password"])
        client.select("INBOX")
        client.send(b"x IDLE\r\n")
        if not client.readline().startswith(b"+"):
            raise RuntimeError("IDLE was refused")
        done.append(client.sock)
    return done


def start(options: argparse.Namespace) -> None:
    """From exec to ready on fresh data and on data that is there, and memory when nothing is going on."""
    for _ in range(options.rounds):
        server = Posthouse(base=options.base)
        time.sleep(1)
        print(f"  ready after {server.ready_seconds:.2f} s, {server.tree.resident_kib() / 1024:.0f} MiB when idle")
        keep(options, "start", {"seconds": server.ready_seconds, "MiB": server.tree.resident_kib() / 1024})
        server.end()


def keep(options: argparse.Namespace, title: str, found: dict[str, object]) -> None:
    if options.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
        with Path(options.json).open("a") as file:
            file.write(json.dumps({"what": title, "at": time.time(), "machine": machine, **found}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["deliver", "relay", "large", "idle", "start", "all"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--kept", action="store_true", help="many messages on each connection")
    parser.add_argument("--smtp-connections", type=int, default=5000)
    parser.add_argument("--imap-connections", type=int, default=2000)
    parser.add_argument("--base", help="directory for the servers' data (default: the system's)")
    parser.add_argument("--json", metavar="FILE", help="append the results as JSON lines")
    options = parser.parse_args()
    if missing := missing_programs():
        sys.exit(f"run.py: {', '.join(missing)} not found; apt-get install postfix gives them")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.what in {"deliver", "all"}:
        compare("accept and deliver", options, octets=4096, messages=options.messages)
    if options.what == "all":
        options.kept = True
        compare("accept and deliver, kept connections", options, octets=4096, messages=options.messages)
        options.kept = False
    if options.what in {"relay", "all"}:
        compare("accept and relay", options, octets=4096, messages=options.messages, relay=True)
    if options.what in {"large", "all"}:
        compare("large messages", options, octets=10 * 2**20, messages=40)
    if options.what in {"idle", "all"}:
        idle(options)
    if options.what in {"start", "all"}:
        start(options)
    del soft


if __name__ == "__main__":
    main()
