"""Reading the configuration file: all that is wrong with it at once, each with its line and what was perhaps meant."""

import difflib
import ipaddress
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posthouse.supervisor.config import IMPLICIT_TLS, Configuration
from posthouse.supervisor.places import Key, find_places, line_of


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong, where, and what might have been meant."""

    file: str
    line: int
    key: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.problem}" if self.key else f"{place}: {self.problem}"


class Misconfigured(Exception):
    """The file cannot be used; ``complaints`` has everything that is wrong with it."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = complaints


def load(path: Path) -> Configuration:
    """The configuration in ``path``; raises ``Misconfigured``."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured([Complaint(str(path), 0, "", getattr(error, "strerror", None) or str(error))]) from error
    return parse(text, str(path))


def parse(text: str, file: str = "posthouse.toml") -> Configuration:
    """The configuration that ``text`` says; raises ``Misconfigured``."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        problem = re.sub(r" \(at .*\)", "", str(error))
        raise Misconfigured([Complaint(file, int(at[1]) if at else 0, "", problem)]) from error
    places = find_places(text)
    try:
        configuration = Configuration.model_validate(tree)
    except ValidationError as error:
        complaints = [_complaint(file, places, one) for one in error.errors()]
        raise Misconfigured(sorted(complaints, key=lambda one: (one.line, one.key))) from error
    complaints = [
        Complaint(file, line_of(key, places), _dotted(key), problem) for key, problem in _contradictions(configuration)
    ]
    if complaints:
        raise Misconfigured(sorted(complaints, key=lambda one: (one.line, one.key)))
    return configuration


def _complaint(file: str, places: dict[Key, int], error: Any) -> Complaint:
    key: Key = tuple(error["loc"])
    problem = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        problem = "there is no such key" + _suggestion(key)
    elif error["type"] == "missing":
        problem = "is missing"
    return Complaint(file, line_of(key, places), _dotted(key), problem)


def _suggestion(key: Key) -> str:
    near = difflib.get_close_matches(str(key[-1]), _known_keys(key[:-1]), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _known_keys(table: Key) -> list[str]:
    model: Any = Configuration
    for part in table:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            return []
        arguments = [one for one in getattr(field.annotation, "__args__", ()) if one is not Ellipsis]
        model = arguments[0] if arguments else field.annotation
        if not hasattr(model, "model_fields"):
            return []
    return list(model.model_fields)


def _dotted(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _contradictions(configuration: Configuration) -> list[tuple[Key, str]]:
    """What each key alone does not show."""
    wrong: list[tuple[Key, str]] = []
    tls = configuration.tls
    if (tls.certificate is None) != (tls.key is None):
        wrong.append((("tls",), "certificate and key belong together"))
    for name, path in (("certificate", tls.certificate), ("key", tls.key)):
        if path is not None and not path.is_file():
            wrong.append((("tls", name), f"{path} is not there"))
    seen: dict[tuple[str, int], int] = {}
    for index, listener in enumerate(configuration.listener):
        place = (listener.address, listener.number)
        if place in seen:
            wrong.append((("listener", index), f"{place[0]} port {place[1]} is taken by listener[{seen[place] + 1}]"))
        seen.setdefault(place, index)
        try:
            ipaddress.ip_address(listener.address)
        except ValueError:
            wrong.append((("listener", index, "address"), f"{listener.address} is not an address"))
        if listener.service in IMPLICIT_TLS and tls.certificate is None:
            wrong.append((("listener", index, "service"), f"{listener.service} needs tls.certificate and tls.key"))
    for index, route in enumerate(configuration.relay.route):
        if bool(route.user) != (route.password_file is not None):
            wrong.append((("relay", "route", index), "user and password_file belong together"))
    return wrong
