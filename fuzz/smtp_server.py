"""Whatever octets arrive, whole or byte by byte, the SMTP core gives events or the end, and keeps no more than it may.

python fuzz/smtp_server.py [-max_total_time=60] [corpus directory]
"""

import sys

import atheris

with atheris.instrument_imports(include=["posthouse.standards.smtp", "posthouse.lib"]):
    from posthouse.standards.smtp.offer import Offer
    from posthouse.standards.smtp.server import ServerConnection
    from posthouse.testing.wire import Wire

OFFERS = [
    Offer(hostname="h.test", max_octets=2000, starttls=True, mechanisms=("PLAIN", "LOGIN"), command_octets=256,
          auth_octets=512, drain_octets=1024, line_octets=300, chunks_max=8, lmtp=lmtp)
    for lmtp in (False, True)
]  # fmt: skip
BEFORE = [[], ["EHLO a"], ["EHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>"]]
BEFORE += [[*BEFORE[2], "DATA"], ["EHLO a", "MAIL FROM:<> BODY=BINARYMIME", "RCPT TO:<c@d.example>"]]


def run(offer: Offer, before: list[str], octets: bytes, piece: int | None) -> ServerConnection:
    core = ServerConnection(offer)
    wire = Wire(core, piece=piece)
    for line in before:
        wire.client(line.replace("EHLO", "LHLO") if offer.lmtp else line)
    if octets:
        wire.client(octets)
    assert core.next_event() is None
    assert len(core._buffer) <= offer.auth_octets + offer.drain_octets, "more is kept than may be"  # noqa: SLF001 - the bound is the point
    if core.wants_tls:
        wire.secured()
    wire.client_hangs_up()
    assert core.closed
    return core


def one(octets: bytes) -> None:
    if len(octets) < 2:
        return
    offer, before = OFFERS[octets[0] % 2], BEFORE[octets[1] % len(BEFORE)]
    for piece in (None, 1):
        run(offer, before, octets[2:], piece)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
