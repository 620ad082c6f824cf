#!/usr/bin/env python3
"""Can a stranger tell from an answer, or from how long it takes, who has an account (threat A04)?

Starts a localserve and logs in with wrong passwords, at each door in turn, for
people who exist and people who do not, in random order. Prints whether all
replies are the same octets, the medians, and the p of a two-sample
Kolmogorov-Smirnov test: below 0.01 somebody could tell.

    bench/attack/enumeration.py [--number 500] [--base-port 22600]
"""

import argparse
import base64
import json
import math
import random
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOORS = ("imaps", "pop3s", "submissions", "salts")
"""The last asks POP3 for the salt of a name (SCRAM), which costs nobody a hash."""
KNOWN = ("alice@office.test", "bob@office.test", "carol@office.test")


def kolmogorov_smirnov(one: list[float], other: list[float]) -> float:
    """p of the hypothesis that both come from one distribution (asymptotic)."""
    points = sorted([(value, 1 / len(one)) for value in one] + [(value, -1 / len(other)) for value in other])
    distance = total = 0.0
    for _value, step in points:
        total += step
        distance = max(distance, abs(total))
    size = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    x = (size + 0.12 + 0.11 / size) * distance
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))))


class Door:
    """One login at a time; a new connection for each."""

    def __init__(self, service: dict, context: ssl.SSLContext) -> None:
        self.service, self.context = service, context

    def ask(self, opening: list[bytes], login: bytes) -> tuple[float, bytes]:
        plain = socket.create_connection((self.service["host"], self.service["port"]), 30)
        with self.context.wrap_socket(plain, server_hostname="localhost") as line:
            file = line.makefile("rb")
            file.readline()
            for said in opening:
                line.sendall(said)
                while (answer := file.readline())[3:4] == b"-":
                    pass
            began = time.perf_counter()
            line.sendall(login)
            answer = file.readline()
            return time.perf_counter() - began, answer


def attempts(name: str, user: str, password: str) -> tuple[list[bytes], bytes]:
    if name == "imaps":
        return [], f'a LOGIN "{user}" "{password}"\r\n'.encode()
    if name == "pop3s":
        return [f"USER {user}\r\n".encode()], f"PASS {password}\r\n".encode()
    if name == "salts":
        first = base64.b64encode(f"n,,n={user},r=bench".encode())
        return [], b"AUTH SCRAM-SHA-256 " + first + b"\r\n"
    plain = base64.b64encode(f"\0{user}\0{password}".encode())
    return [b"EHLO bench.example\r\n"], b"AUTH PLAIN " + plain + b"\r\n"


def measure(name: str, door: Door, number: int) -> bool:
    """Whether nobody can tell."""
    tries = [(True, KNOWN[turn % 3]) for turn in range(number)]
    tries += [(False, f"{random.choice('abcdef')}{turn:04d}@office.test") for turn in range(number)]
    random.shuffle(tries)
    times: dict[bool, list[float]] = {True: [], False: []}
    replies = set()
    for turn, (is_known, user) in enumerate(tries):
        opening, login = attempts(name, user, f"{name} {turn}")  # a wrong password that is known costs nothing
        seconds, answer = door.ask(opening, login)
        times[is_known].append(seconds)
        replies.add(answer.partition(b" (id ")[0].strip() if name != "salts" else answer[:2])
    p = kolmogorov_smirnov(times[True], times[False])
    medians = [statistics.median(times[known]) * 1000 for known in (True, False)]
    said = "one reply" if len(replies) == 1 else f"{len(replies)} replies: {replies}"
    print(f"{name:<12} {said}; median {medians[0]:.2f} ms known, {medians[1]:.2f} ms unknown; p = {p:.3f}", flush=True)
    return len(replies) == 1 and p > 0.01


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--base-port", type=int, default=22600)
    parser.add_argument("--doors", default=",".join(DOORS), help="some of " + ",".join(DOORS))
    given = parser.parse_args()
    program = str(Path(sys.executable).with_name("posthouse"))
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-") as directory:
        words = [program, "localserve", "--dir", directory, "--base-port", str(given.base_port)]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            file = Path(directory) / "endpoints.json"
            end = time.monotonic() + 90
            while not file.exists() and time.monotonic() < end:
                time.sleep(0.1)
            endpoints = json.loads(file.read_text())
            context = ssl.create_default_context(cafile=endpoints["ca_file"])
            services = endpoints["services"]
            services["salts"] = services["pop3s"]
            for name in DOORS:  # workers are there, the dummy verifier is made
                opening, login = attempts(name, KNOWN[0], "warm")
                Door(services[name], context).ask(opening, login)
            good = [measure(name, Door(services[name], context), given.number) for name in given.doors.split(",")]
        finally:
            server.terminate()
            server.wait(30)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
