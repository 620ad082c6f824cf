"""From the command to ready, and what an idle server holds: ``python bench/micro/start.py [--runs 5]``."""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS, LIMIT_MIB = 1.5, 120


def start(directory: Path) -> tuple[float, float]:
    """Seconds to ready, MiB resident a second later."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "posthouse", "localserve", "--dir", str(directory), "--base-port", "31500"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    file = directory / "endpoints.json"
    while not file.exists():
        if process.poll() is not None:
            raise SystemExit("it did not start")
        time.sleep(0.002)
    took = time.perf_counter() - began
    time.sleep(1)
    pid = json.loads(file.read_text())["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return took, resident


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "data"
        first, resident = start(directory)
        print(f"first start (certificates, accounts): {first:.2f} s, idle {resident:.0f} MiB")
        later = [start(directory) for _ in range(runs)]
    seconds = statistics.median(took for took, _ in later)
    resident = statistics.median(held for _, held in later)
    print(f"later starts: {seconds:.2f} s (wanted {LIMIT_SECONDS}), idle {resident:.0f} MiB (wanted {LIMIT_MIB})")


if __name__ == "__main__":
    main()
