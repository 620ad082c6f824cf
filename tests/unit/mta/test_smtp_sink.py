"""The relay against Debian's smtp-sink: what a program we did not write receives."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from posthouse.mail.outcome import Deferred, Failed, Relayed
from posthouse.testing.freeports import free_base

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("smtp-sink") is None, reason="smtp-sink (Debian package postfix) is not here"),
]


@pytest.fixture
async def sink():
    """Starts smtp-sink with options; gives its port and the folder where it keeps what it gets."""
    running = []
    folder = Path(tempfile.mkdtemp(prefix="sink"))
    folder.chmod(0o777)

    async def start(*options: str) -> tuple[int, Path]:
        port = free_base(1)
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        command = ["smtp-sink", "-4", *user, "-d", f"{folder}/mail.", *options, f"127.0.0.1:{port}", "100"]
        running.append(subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL))
        while True:
            assert running[-1].poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 20):
                break
            await asyncio.sleep(0.05)
        return port, folder

    yield start
    for process in running:
        process.terminate()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("mail.*")) if path.stat().st_size]


@pytest.mark.parametrize("options", [(), ("-p",), ("-e",), ("-8",)])
async def test_the_letter_arrives_octet_for_octet(road, item, sink, options):
    port, folder = await sink(*options)
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"), route=road.route(port))
    assert [type(one) for one in trip.outcomes.values()] == [Relayed, Relayed]
    [mail] = kept(folder)
    assert mail.count(b"X-Rcpt-Args: <") == 2
    assert mail.endswith(b"\nDear Bob,\n.a dot\n\n") or b"\nDear Bob,\n.a dot\n" in mail


async def test_lmtp(road, item, sink):
    port, folder = await sink("-L")
    trip = await road.carry(item(1), item(2, "carol@elsewhere.test"), route=road.route(port, lmtp=True))
    assert [type(one) for one in trip.outcomes.values()] == [Relayed, Relayed]
    assert len(kept(folder)) == 1


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        (("-f", "RCPT"), Failed),
        (("-r", "RCPT"), Deferred),
        (("-f", "MAIL"), Failed),
        (("-r", "."), Deferred),
        (("-f", "."), Failed),
        (("-r", "DATA"), Deferred),
        (("-q", "DATA"), Deferred),
        (("-q", "."), Deferred),
        (("-q", "RCPT"), Deferred),
        (("-q", "CONNECT"), Deferred),
        (("-Q", "MAIL"), Deferred),
    ],
)
async def test_refusals_and_disconnects(road, item, sink, options, outcome):
    port, _ = await sink(*options)
    trip = await road.carry(item(), route=road.route(port))
    assert isinstance(trip.outcomes[1], outcome)


async def test_ten_megabytes_in_pieces(road, item, sink):
    port, folder = await sink()
    content = (
        b"Subject: large\r\n\r\n" + b".a line of the letter, rather long so that there are fewer of them\r\n" * 150_000
    )
    road.blobs.octets["b1"] = content
    trip = await road.carry(item(content=content, stored=True), route=road.route(port))
    assert isinstance(trip.outcomes[1], Relayed)
    [mail] = kept(folder)
    assert mail.count(b"\n.a line") == 150_000


async def test_a_hundred_messages_over_one_connection(road, item, sink):
    port, folder = await sink()
    link = None
    for number in range(100):
        trip = await road.carry(item(number), link=link, route=road.route(port), keep=True)
        link = trip.link
        assert isinstance(trip.outcomes[number], Relayed)
    await link.quit()
    assert len(kept(folder)) == 100
