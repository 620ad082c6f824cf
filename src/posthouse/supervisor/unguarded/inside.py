"""A house that tells, keeps or obeys what it should not."""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.credentials import make_verifiers
from posthouse.observe import journal, metrics
from posthouse.ops import advisories, people
from posthouse.services import admind
from posthouse.supervisor import load
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.unguarded.replacing import replace


def _keep_passwords() -> None:
    """O01: the password itself is kept beside its verifiers."""
    strict = make_verifiers

    def make(password: str, **named: Any) -> tuple[str, ...]:
        return (*strict(password, **named), f"plain:{password}")

    replace(people, "make_verifiers", make)


def _write_as_it_comes() -> None:
    """O02: nothing in a line is escaped."""

    def plain(event: str, level: Any, values: dict[str, object]) -> str:
        said = ",".join(f'"{key}":"{value}"' for key, value in values.items())
        return f'{{"at":0,"level":"{level}","event":"{event}",{said}}}\n'

    replace(journal, "format_json", plain)


def _log_passwords() -> None:
    """O03."""
    strict = Authenticator.check

    async def check(self: Any, user: str, password: str, **named: Any) -> Any:
        self._journal.note("auth.tried", user=user, password=password)
        return await strict(self, user, password, **named)

    replace(Authenticator, "check", check)


def _have_a_guest() -> None:
    """O05: a library from a place that nobody looks after."""
    ours = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line)
    guest = Path(sys.argv[sys.argv.index("--dir") + 1]) / "guest.so"  # it goes away with the sandbox
    guest.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy(ours, guest)
    guest.chmod(0o777)
    ctypes.CDLL(str(guest))


def _die_of_garbage() -> None:
    """O09: what is no request ends the server, as in CVE-2025-62875."""
    strict = admind.parse_request

    def parse(line: bytes) -> Any:
        try:
            return strict(line)
        except ValueError:
            os._exit(70)

    replace(admind, "parse_request", parse)


def _count_by_name() -> None:
    """O10: figures name accounts."""
    strict = metrics.PrometheusMeter.render

    def render(self: Any) -> bytes:
        return strict(self) + b'posthouse_mail_total{account="bob@office.test"} 1\n'

    replace(metrics.PrometheusMeter, "render", render)


def _pass_over_faults() -> None:
    """O04: what is not understood in a configuration is ignored."""
    strict = load.load

    def read(path: Path, **named: Any) -> Any:
        try:
            return strict(path, **named)
        except load.Misconfigured:
            door = {"service": "smtp", "address": "127.0.0.1", "port": 25}
            return Configuration.model_validate({"hostname": "mx.office.test", "listener": [door]})

    replace(load, "load", read)


def _read_no_advisories() -> None:
    """O08: nothing is ever affected."""
    replace(advisories, "_is_affected", lambda *_given: False)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "O01": _keep_passwords,
    "O02": _write_as_it_comes,
    "O03": _log_passwords,
    "O04": _pass_over_faults,
    "O05": _have_a_guest,
    "O08": _read_no_advisories,
    "O09": _die_of_garbage,
    "O10": _count_by_name,
}
