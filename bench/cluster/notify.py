"""How soon does a client in IDLE on one node hear of mail that another node took?

    python bench/cluster/notify.py [--engine URL | --nodes 3] [--messages 300] [--load 50]

Two real servers (``posthouse localserve``) on one PostgreSQL, or on three with
``--nodes 3``. A message goes to the first by SMTP; the clock runs from the 250
after its final dot to the line with EXISTS that a client in IDLE reads from the
second, over TLS. ``--load`` delivers as many other messages a second meanwhile.
"""

import argparse
import json
import os
import random
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from material import servers

PROGRAM = (sys.executable, "-m", "posthouse", "localserve")
PATIENCE = 60.0
TEXT = (
    b"From: x@else.test\r\nTo: y@office.test\r\nSubject: n\r\n\r\n" + b"a line of a message of usual length\r\n" * 100
)


def start(last, engine, directory, port):
    log = last.enter_context((directory.parent / f"{directory.name}.log").open("wb"))
    process = subprocess.Popen(
        [*PROGRAM, "--dir", str(directory), "--base-port", str(port), "--engine", engine], stdout=log, stderr=log
    )
    last.callback(process.wait, 30)
    last.callback(process.send_signal, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while not (directory / "endpoints.json").exists():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(Path(log.name).read_text()[-2000:])
        time.sleep(0.1)
    return json.loads((directory / "endpoints.json").read_text())


def connect(node, name):
    client = smtplib.SMTP("127.0.0.1", node["services"]["smtp"]["port"], timeout=PATIENCE)
    client.ehlo(name)
    return client


def send(client, person):
    client.mail("x@else.test")
    client.rcpt(person)
    client.data(TEXT)
    return time.perf_counter()


class Reader:
    """A client in IDLE; ``heard`` are the times at which it read EXISTS."""

    def __init__(self, node, address, password):
        port = node["services"]["imaps"]["port"]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = context.wrap_socket(raw)
        self.file = self.stream.makefile("rb")
        self.file.readline()
        for command in (f'a LOGIN {address} "{password}"', "b SELECT INBOX"):
            self.stream.sendall(f"{command}\r\n".encode())
            while not (line := self.file.readline()).startswith(command[:2].encode()):
                pass
            assert b" OK" in line, line
        self.stream.sendall(b"c IDLE\r\n")
        assert self.file.readline().startswith(b"+")

    def wait(self):
        while b"EXISTS" not in self.file.readline():
            pass
        return time.perf_counter()


def burden(node, rate, stop):
    client = connect(node, "load.test")
    while not stop.is_set():
        begun = time.perf_counter()
        send(client, "bob@office.test")
        time.sleep(max(0.0, 1 / rate - (time.perf_counter() - begun)))
    client.close()


def measure(first, second, options):
    alice = next(one for one in first["accounts"] if one["address"].startswith("alice"))
    reader, client = Reader(second, alice["address"], alice["password"]), connect(first, "client.test")
    stop, waits = threading.Event(), []
    four = range(4 if options.load else 0)
    loads = [threading.Thread(target=burden, args=(first, options.load / 4, stop)) for _ in four]
    for one in loads:
        one.start()
    for number in range(options.messages + 20):
        told = send(client, "alice@office.test")
        wait = max(0.0, reader.wait() - told)
        if number >= 20:  # the first ones warm up
            waits.append(wait)
        time.sleep(random.uniform(0.005, 0.1))
    stop.set()
    for one in loads:
        one.join()
    return sorted(waits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="")
    for name, value in (("nodes", 1), ("messages", 300), ("load", 0), ("port", 21700)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with ExitStack() as last:
        directory = Path(last.enter_context(tempfile.TemporaryDirectory()))
        engine, _ = last.enter_context(servers(options.engine, options.nodes, options.port + 60))
        first = start(last, engine, directory / "first", options.port)
        second = start(last, engine, directory / "second", options.port + 30)
        waits = measure(first, second, options)
    count = len(waits)
    print(json.dumps({
        "p50 ms": round(waits[count // 2] * 1e3, 1), "p90 ms": round(waits[count * 9 // 10] * 1e3, 1),
        "p99 ms": round(waits[count * 99 // 100] * 1e3, 1), "longest ms": round(waits[-1] * 1e3, 1),
        "machine load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), **vars(options),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
