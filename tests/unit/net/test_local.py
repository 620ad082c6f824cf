"""Sockets of this machine."""

import asyncio
import stat

import pytest

from posthouse.net.local import listen_locally, own_user, peer_user


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_only_the_owner_may_open_it(tmp_path) -> None:
    server = await listen_locally(tmp_path / "x.sock", hang_up, line_octets=100)
    assert stat.S_IMODE((tmp_path / "x.sock").stat().st_mode) == 0o600
    server.close()


async def test_the_kernel_says_who_calls(tmp_path) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(peer_user(writer))
        writer.close()

    server = await listen_locally(tmp_path / "x.sock", serve, line_octets=100)
    _, writer = await asyncio.open_unix_connection(str(tmp_path / "x.sock"))
    assert await heard == own_user()
    writer.close()
    server.close()


async def test_what_a_dead_server_left_gives_way(tmp_path) -> None:
    (tmp_path / "x.sock").touch()
    (await listen_locally(tmp_path / "x.sock", hang_up, line_octets=100)).close()


async def test_a_living_server_is_not_pushed_aside(tmp_path) -> None:
    server = await listen_locally(tmp_path / "x.sock", hang_up, line_octets=100)
    with pytest.raises(FileExistsError):
        await listen_locally(tmp_path / "x.sock", hang_up, line_octets=100)
    server.close()
