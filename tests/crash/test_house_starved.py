"""Memory that is not there, at a hundred places of a message's road (threat R06): what was acknowledged is kept, nobody
hears a final refusal or how our code looks from inside, and the next message is taken as if nothing had been.

Each place is a few allocations of the interpreter that fail. A library of ours that cannot bear that may take the
process with it; then it is started again, as whoever runs a server does.
"""

import socket
import time
from collections import Counter
from pathlib import Path
from signal import SIGUSR1

import pytest
from house import House

pytest.importorskip("_testcapi", reason="this Python comes without the means to fail an allocation")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PLACES = 100
PATIENCE = 5.0
"""Of a client whose session was lost for want of memory: it calls again."""
RECOVERY_SECONDS = 30.0
WORDS = ("EHLO load.test", "MAIL FROM:<load@load.test>", "RCPT TO:<alice@office.test>", "DATA")


def deliver(house: House, subject: str, *, starves: bool) -> str:
    """The last reply to one message; empty if there was none."""
    content = f"From: <load@load.test>\r\nTo: alice@office.test\r\nSubject: {subject}\r\n\r\n" + "x" * 300 + "\r\n."
    said = ""
    try:
        with socket.create_connection(("127.0.0.1", house.base), PATIENCE) as line, line.makefile("rb") as replies:
            replies.readline()
            if starves:
                house.process.send_signal(SIGUSR1)
            for word in (*WORDS, content):
                line.sendall(word.encode() + b"\r\n")
                said = replies.readline().decode()
                while said[3:4] == "-":
                    said = replies.readline().decode()
                if said[:1] not in {"2", "3"}:
                    return said
    except OSError:
        return ""
    return said


def recover(house: House, number: int, ledger: list[str]) -> int:
    """Somebody is let in and his message taken; how often the house had to be started again for that."""
    deaths = 0
    end = time.monotonic() + RECOVERY_SECONDS
    for again in range(1000):
        if house.process.poll() is not None:
            deaths += 1
            house.start()
        subject = f"after-{number}-{again}"
        if deliver(house, subject, starves=False).startswith("250"):
            ledger.append(subject)
            return deaths
        assert time.monotonic() < end, f"nobody is served after place {number}"
        time.sleep(0.05)
    raise AssertionError


def test_no_memory_is_no_reason_to_lose_mail(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    house = House(tmp_path, fault=("8",), log=tmp_path / "log", weakened=Path(__file__).with_name("starved.py"))
    house.start()
    request.addfinalizer(lambda: house.process.poll() is None and house.kill())
    ledger: list[str] = []
    replies: list[str] = []
    deaths = 0
    for number in range(PLACES):
        replies.append(deliver(house, f"at-{number}", starves=True))
        if replies[-1].startswith("250"):
            ledger.append(f"at-{number}")
        deaths += recover(house, number, ledger)
    house.kill()
    assert not [one for one in replies if one.startswith("5") or "Traceback" in one or "Error" in one]
    assert sum(one.startswith("4") for one in replies) >= PLACES // 20, "memory was never short"
    assert deaths <= PLACES // 10
    house.fault = ()
    house.start()
    try:
        found = Counter(house.subjects())
    finally:
        house.stop()
    assert [subject for subject in ledger if found[subject] != 1] == []
