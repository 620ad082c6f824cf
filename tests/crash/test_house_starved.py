"""Memory that is not there, at a hundred places of a message's road (threat R06): what was acknowledged is kept, nobody
hears a final refusal or how our code looks from inside, and the next message is taken as if nothing had been.

Each place is a few allocations of the interpreter that fail, so many after the client has greeted. A library of ours
that cannot bear that may take the process with it; then it is started again, as whoever runs a server does.
"""

import socket
import time
from collections import Counter
from pathlib import Path

import pytest
from house import House

pytest.importorskip("_testcapi", reason="this Python comes without the means to fail an allocation")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PLACES = range(0, 2000, 20)
"""A small message takes about 1,600 allocations from its greeting to its last reply; then the next client comes."""
LENGTH = 3
PATIENCE = 5.0
"""Of a client whose session was lost for want of memory: it calls again."""
RECOVERY_SECONDS = 60.0
WORDS = ("MAIL FROM:<load@load.test>", "RCPT TO:<alice@office.test>", "DATA")


def deliver(house: House, subject: str, name: str = "load") -> str:
    """The last reply to one message; empty if there was none. As ``name`` greets, memory runs out (``starved``)."""
    content = f"From: <load@load.test>\r\nTo: alice@office.test\r\nSubject: {subject}\r\n\r\n" + "x" * 300 + "\r\n."
    said = ""
    try:
        with socket.create_connection(("127.0.0.1", house.base), PATIENCE) as line, line.makefile("rb") as replies:
            replies.readline()
            for word in (f"EHLO {name}.test", *WORDS, content):
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
    deaths = again = 0
    end = time.monotonic() + RECOVERY_SECONDS
    while True:
        if house.process.poll() is not None:
            deaths += 1
            house.start()
            end = time.monotonic() + RECOVERY_SECONDS
        subject = f"after-{number}-{again}"
        again += 1
        if deliver(house, subject).startswith("250"):
            ledger.append(subject)
            return deaths
        assert time.monotonic() < end, f"nobody is served after place {number}"
        time.sleep(0.05)


def test_no_memory_is_no_reason_to_lose_mail(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    house = House(tmp_path, fault=("-",), log=tmp_path / "log", weakened=Path(__file__).with_name("starved.py"))
    house.start()
    request.addfinalizer(lambda: house.process.poll() is None and house.kill())
    ledger: list[str] = []
    replies: list[str] = []
    deaths = recover(house, -1, ledger)  # what is done once is done
    for place in PLACES:
        replies.append(deliver(house, f"at-{place}", f"starve-{place}-{LENGTH}"))
        if replies[-1].startswith("250"):
            ledger.append(f"at-{place}")
        deaths += recover(house, place, ledger)
    house.kill()
    assert not [one for one in replies if one.startswith("5") or "Traceback" in one or "Error" in one]
    assert sum(one.startswith("4") for one in replies) >= len(PLACES) // 4, "memory was hardly ever short"
    assert deaths <= len(PLACES) // 4
    house.fault = ()
    house.start()
    try:
        found = Counter(house.subjects())
    finally:
        house.stop()
    assert [subject for subject in ledger if found[subject] != 1] == []
