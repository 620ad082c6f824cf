"""The server under attack, as its endpoints describe it: where it listens, who lives there, what its process is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse.drill.fence import fence

IMPLICIT = frozenset({"submissions", "imaps", "pop3s", "https"})


class Absent(Exception):
    """A surface, an account or a tool that the attack needs is not there: nothing is proved."""


@dataclass(frozen=True, slots=True)
class Person:
    address: str
    password: str


@dataclass(frozen=True, slots=True)
class Place:
    """``people`` by the name before the at sign. ``log`` is the server's journal, if we can read it."""

    pid: int
    services: dict[str, tuple[str, int]]
    people: dict[str, Person]
    cafile: str
    directory: Path
    log: Path | None = None

    @classmethod
    def read(cls, file: Path, log: Path | None = None) -> "Place":
        """From ``endpoints.json``. Raises ``Refused`` if it names anything but loopback."""
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        services = {name: (fence(one["host"]), int(one["port"])) for name, one in found["services"].items()}
        people = [*found["accounts"], found["admin"]]
        return cls(
            pid=int(found["pid"]),
            services=services,
            people={one["address"].partition("@")[0]: Person(one["address"], one["password"] or "") for one in people},
            cafile=found.get("ca_file", ""),
            directory=file.parent,
            log=log,
        )

    def where(self, service: str) -> tuple[str, int]:
        """Raises ``Absent``."""
        found = self.services.get(service)
        if found is None:
            raise Absent(f"this server has no {service}")
        return found

    def person(self, name: str) -> Person:
        found = self.people.get(name)
        if found is None:
            raise Absent(f"this server has no account {name}")
        return found

    @property
    def domain(self) -> str:
        return next(iter(self.people.values())).address.partition("@")[2]
