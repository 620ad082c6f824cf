"""Answers of somebody who was not asked."""

import asyncio
import socket
import struct

from posthouse.drill.bench import Bench
from posthouse.drill.fence import Allowance
from posthouse.drill.names import Question, record
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

FORGERIES = 200
"""For each question, from the right address with wrong ids; and as many with the right id from elsewhere."""
TRUE_ANSWER_SECONDS = 0.2
MOST_QUESTIONS = 400


def _forged(question: Question, ident: bytes) -> bytes:
    """An answer that lets everybody through."""
    text = "v=DMARC1; p=none" if question.name.startswith("_dmarc.") else "v=spf1 +all"
    rows = record(question.kind, text if question.kind == "TXT" else "127.0.0.1", 3600) \
        if question.kind in {"TXT", "A"} else b""  # fmt: skip
    head = struct.pack("!2sHHHHH", ident, 0x8180, 1, 1 if rows else 0, 0, 0)
    return head + question.asked + rows


class Flood:
    """Hears every question, as nobody off the path could, and still may use only what such a one may."""

    def __init__(self, bench: Bench) -> None:
        self._chance = bench.chance
        self._elsewhere = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self._elsewhere[0].bind(("127.0.0.1", 0))
        self._elsewhere[1].bind(("127.66.66.66", bench.names.port))
        for one in self._elsewhere:
            one.setblocking(False)
        self.asked: list[tuple[int, int]] = []
        self.sent = 0

    def close(self) -> None:
        for one in self._elsewhere:
            one.close()

    def __call__(self, question: Question) -> list[bytes]:
        """What comes from the right address before the true answer; the rest is sent from wrong ones."""
        (right,) = struct.unpack("!H", question.ident)
        if ".poison.test" not in question.name or len(self.asked) > MOST_QUESTIONS:
            return []
        self.asked.append((question.peer[1], right))
        wrong = [(right + self._chance.randrange(1, 65536)) % 65536 for _ in range(FORGERIES)]
        for sender in self._elsewhere:
            for _ in range(FORGERIES // 2):
                try:
                    sender.sendto(_forged(question, question.ident), question.peer)
                    self.sent += 1
                except OSError:
                    break
        self.sent += len(wrong)
        return [_forged(question, struct.pack("!H", ident)) for ident in wrong]


async def poisoned(bench: Bench) -> None:
    """T09: to each question forged answers: wrong ids from the right place, the right id from others."""
    flood = Flood(bench)
    bench.names.delay, bench.names.before = TRUE_ANSWER_SECONDS, flood
    inside = []
    try:
        for _ in range(bench.so_many(6, 12)):
            strict, mark = f"{bench.unique('bank')}.poison.test", bench.unique("poison")
            bench.names.put(strict, "MX", f"10 {strict}")
            bench.names.put(strict, "TXT", "v=spf1 -all")
            bench.names.put(f"_dmarc.{strict}", "TXT", "v=DMARC1; p=reject")
            sender = f"ceo@{strict}"
            async with await bench.smtp() as caller:
                caller.patience = 25.0
                reply = await caller.send(sender.encode(), [b"bob@office.test"], letter(mark, sender=sender))
            if reply[:1] == b"2" and await bench.arrives("bob", mark, seconds=0.5):
                inside.append(strict)
    finally:
        bench.names.delay, bench.names.before = 0.0, None
        flood.close()
    bench.figures |= {"questions": len(flood.asked), "forged_answers": flood.sent}
    bench.expect("letters let in by a forged policy", [], inside)
    bench.twin("questions were asked and forged answers sent", True, len(flood.asked) >= 6 and flood.sent > 1000)
    ports, idents = {port for port, _ in flood.asked}, {ident for _, ident in flood.asked}
    steps = {second - first for (_, first), (_, second) in zip(flood.asked, flood.asked[1:], strict=False)}
    most = len(flood.asked)
    bench.expect("ports that were asked from", f"nearly {most}", len(ports), ok=len(ports) >= 0.8 * most)
    bench.expect("ids that were asked with", f"nearly {most}", len(idents), ok=len(idents) >= 0.8 * most)
    bench.expect("steps from one id to the next", "no pattern", len(steps), ok=len(steps) >= 0.8 * (most - 1))
    await asyncio.sleep(0)
    await bench.benign("bob")


SCENARIOS = (Scenario("T09", poisoned, weakened="T09", allowance=Allowance(seconds=60)),)
