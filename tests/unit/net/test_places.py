"""Where programs of ours listen: addresses as people write them, and connections to them."""

import asyncio

import pytest

from posthouse.lib.sansio import Slice
from posthouse.net.places import Place, PlaceDialer, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:3310", Place("127.0.0.1", 3310)),
        ("tcp:clamav:3310", Place("clamav", 3310)),
        ("tcp://scan.office.test:11333", Place("scan.office.test", 11333)),
        ("[::1]:783", Place("::1", 783)),
        ("unix:/run/clamav/clamd.ctl", Place(path="/run/clamav/clamd.ctl")),
        ("/run/milter.sock", Place(path="/run/milter.sock")),
        ("local:/run/milter.sock", Place(path="/run/milter.sock")),
    ],
)
def test_a_place(text: str, place: Place) -> None:
    assert parse_place(text) == place
    assert parse_place(str(place)) == place


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:5", "unix:", "a b:1"]
)
def test_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse_place(text)


@pytest.fixture
async def stream(tmp_path):
    """A connection to somebody who says two octets again, louder."""
    over = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(2)).upper())
        writer.close()
        await writer.wait_closed()
        over.set()

    server = await asyncio.start_unix_server(echo, tmp_path / "s")
    stream = await PlaceDialer().dial(Place(path=str(tmp_path / "s")), deadline_seconds=5)
    yield stream
    stream.close()
    server.close()
    await over.wait()
    await asyncio.sleep(0)


async def test_a_socket_in_the_file_system(stream) -> None:
    await stream.write((b"hi",), 5)
    assert await stream.read(5) == b"HI"
    assert await stream.read(5) == b""


async def test_nobody_is_there(tmp_path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await PlaceDialer().dial(Place(path=str(tmp_path / "none")), deadline_seconds=5)


async def test_stored_blobs_do_not_go_there_by_name(stream) -> None:
    with pytest.raises(EOFError, match="do not go to places"):
        await stream.write((Slice("x", 0, 1),), 5)
    with pytest.raises(OSError, match="no TLS"):
        await stream.secure("x", verify=True, deadline_seconds=5)
