"""Reading the configuration file: all that is wrong with it at once, each with its line and what was perhaps meant."""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from posthouse.supervisor.config import Configuration
from posthouse.supervisor.kinds import Section
from posthouse.supervisor.places import Key, find_places, line_of
from posthouse.supervisor.sections.boundary import ScannerSection
from posthouse.supervisor.sections.doors import WITH_LOGIN, ListenerSection, TlsSection
from posthouse.supervisor.sections.node import StoreSection
from posthouse.supervisor.sections.relay import Route

Given = Mapping[str, Any]
Part = TypeVar("Part", bound=Section)


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


def load(path: Path, *, absent: Given | None = None) -> Configuration:
    """The configuration in ``path``; raises ``Misconfigured``. ``absent`` is what holds where the file is silent."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured([Complaint(str(path), 0, "", getattr(error, "strerror", None) or str(error))]) from error
    return parse(text, str(path), absent=absent)


def parse(text: str, file: str = "posthouse.toml", *, absent: Given | None = None) -> Configuration:
    """The configuration that ``text`` says, with top-level keys of ``absent`` that it does not have.

    Raises ``Misconfigured``.
    """
    try:
        tree = {**(absent or {}), **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        problem = re.sub(r" \(at .*\)", "", str(error))
        raise Misconfigured([Complaint(file, int(at[1]) if at else 0, "", problem)]) from error
    places = find_places(text)
    complaints = [
        Complaint(file, line_of(key, places), _dotted(key), problem) for key, problem in _contradictions(tree)
    ]
    try:
        configuration = Configuration.model_validate(tree)
    except ValidationError as error:
        complaints += [_complaint(file, places, one) for one in error.errors()]
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


# -- what each key alone does not show


def _contradictions(tree: Given) -> Iterator[tuple[Key, str]]:
    """Of what can be understood of the file: a misspelt key must not hide that a port is taken twice."""
    tls = _understood(TlsSection, tree.get("tls", {}))
    if tls is not None:
        yield from _wrong_keys(tls)
    listeners = _all_understood(ListenerSection, tree.get("listener"))
    yield from _wrong_listeners(listeners, has_certificate=tls is None or tls.certificate is not None)
    yield from _wrong_store(_understood(StoreSection, tree.get("store", {})))
    yield from _wrong_scanners(_all_understood(ScannerSection, tree.get("scanner")))
    relay = tree.get("relay")
    for index, route in _all_understood(Route, relay.get("route") if isinstance(relay, dict) else None).items():
        if bool(route.user) != (route.password_file is not None):
            yield ("relay", "route", index), "user and password_file belong together"


def _understood(model: type[Part], given: object) -> Part | None:
    """``given`` without the keys that we do not know; None when something else is wrong with it."""
    if not isinstance(given, dict):
        return None
    try:
        return model.model_validate({key: value for key, value in given.items() if key in model.model_fields})
    except ValidationError:
        return None


def _all_understood(model: type[Part], given: object) -> dict[int, Part]:
    parts = {at: _understood(model, one) for at, one in enumerate(given if isinstance(given, list) else [])}
    return {at: part for at, part in parts.items() if part is not None}


def _wrong_keys(tls: TlsSection) -> Iterator[tuple[Key, str]]:
    if (tls.certificate is None) != (tls.key is None):
        yield ("tls",), "certificate and key belong together"
    for name, path in (("certificate", tls.certificate), ("key", tls.key)):
        if path is not None and not path.is_file():
            yield ("tls", name), f"{path} is not there"


def _wrong_store(store: StoreSection | None) -> Iterator[tuple[Key, str]]:
    if store is None:
        return
    for name in ("s3_key_file", "s3_ca_file"):
        path = getattr(store, name)
        if path is not None and not store.bodies:
            yield ("store", name), "means nothing without bodies"
        elif path is not None and not path.is_file():
            yield ("store", name), f"{path} is not there"
    if store.s3_endpoint and not store.s3_endpoint.startswith(("http://", "https://")):
        yield ("store", "s3_endpoint"), 'looks like "https://s3.example.org:8333"'


def _wrong_scanners(scanners: Mapping[int, ScannerSection]) -> Iterator[tuple[Key, str]]:
    seen: dict[str, int] = {}
    for index, scanner in scanners.items():
        if scanner.label in seen:
            yield ("scanner", index), f"scanner[{seen[scanner.label] + 1}] is called {scanner.label} too; name one"
        seen.setdefault(scanner.label, index)


def _wrong_listeners(listeners: Mapping[int, ListenerSection], *, has_certificate: bool) -> Iterator[tuple[Key, str]]:
    seen: dict[tuple[str, int], int] = {}
    for index, listener in listeners.items():
        if listener.service in WITH_LOGIN and not has_certificate:
            needs = f"{listener.service} needs a certificate: set tls.certificate and tls.key"
            yield ("listener", index, "service"), needs
        try:
            address = ipaddress.ip_address(listener.address)
        except ValueError:
            yield ("listener", index, "address"), f"{listener.address} is not an address"
            continue
        taken = next((seen[place] for place in seen if _is_same_place(place, (str(address), listener.number))), None)
        if taken is not None:
            yield ("listener", index), f"{address} port {listener.number} is taken by listener[{taken + 1}]"
        seen.setdefault((str(address), listener.number), index)


def _is_same_place(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two sockets cannot be bound to both: the unspecified address is every one of its family."""
    if one[1] != other[1]:
        return False
    first, second = ipaddress.ip_address(one[0]), ipaddress.ip_address(other[0])
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)
