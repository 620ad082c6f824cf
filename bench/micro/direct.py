"""10-MiB files written by the page cache and past it: what a large message costs on this disk.

python bench/micro/direct.py [directory]
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.storage.direct import Areas, HashedFile

FILES, MIB, ROUNDS = 40, 1 << 20, 3


def ordinary(path: Path, pieces: list[bytes], _areas: Areas) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for piece in pieces:
        os.write(descriptor, piece)
    os.fdatasync(descriptor)
    os.close(descriptor)


def direct(path: Path, pieces: list[bytes], areas: Areas) -> None:
    file = HashedFile(path)
    with areas.borrow() as area:
        file.append(pieces, area)
    file.finish()
    os.fdatasync(file.descriptor)
    os.close(file.descriptor)


def main() -> None:
    pieces, areas = [os.urandom(MIB)] * 10, Areas()
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        for _ in range(ROUNDS):
            for way in (ordinary, direct):
                paths = [Path(folder) / f"{way.__name__}{index}" for index in range(FILES)]
                cpu, began = time.process_time(), time.monotonic()
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda path, way=way: way(path, pieces, areas), paths))
                seconds, cpu = time.monotonic() - began, time.process_time() - cpu
                print(f"{way.__name__:9} {FILES * 10 / seconds:7.0f} MiB/s {1000 * cpu / FILES:6.1f} ms CPU for 10 MiB")
                for path in paths:
                    path.unlink()


if __name__ == "__main__":
    main()
