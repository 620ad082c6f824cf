"""Writes docs/reference from what defines the things: settings and limits in one page, metrics in another.

python tools/reference.py          writes the pages
python tools/reference.py --check  says which are not what they would be written as
"""

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from posthouse.admd.limits import Limits
from posthouse.observe.metrics import format_table
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.kinds import (
    Domain,
    Duration,
    Endpoint,
    IpAddress,
    Mailbox,
    Network,
    Port,
    RelayNetwork,
    Seconds,
    Size,
    Weight,
)
from posthouse.supervisor.sample import format_sample, format_value
from posthouse.supervisor.sections.doors import PORTS

ROOT = Path(__file__).parents[1]

KINDS = {
    Size: "size",
    Duration: "time",
    Seconds: "time",
    Port: "port",
    Endpoint: "HOST:PORT",
    Network: "network",
    RelayNetwork: "network",
    IpAddress: "address",
    Domain: "domain",
    Mailbox: "mailbox name",
    Weight: "number",
    bool: "`true`, `false`",
    float: "number",
    str: "text",
    int: "number",
    Path: "path",
}
"""How the types of the models are called in the file."""

CONFIGURATION = """\
# The configuration file

Written by `python tools/reference.py` from the models in `posthouse/supervisor/sections` and the limits in
`posthouse/admd/limits.py`; do not edit. A file to begin with: `posthouse config default`, or
[posthouse.toml](posthouse.toml).

The file is TOML. Sizes are written `"25MiB"` (B, KiB, MiB, GiB, TiB; kB, MB, GB, TB), times `"30s"` (ms, s, m, h, d).
An unknown key is an error, and all errors are told at once with file, line and key: `posthouse config check`. Domains,
accounts and aliases are not in it: they are in the store ([posthouse-domain](../man/posthouse-domain.1) and its
neighbours). SIGHUP has the file read again; a file with an error changes nothing.
"""


def configuration_page() -> str:
    return "".join([CONFIGURATION, *_section("", Configuration), *_limits(), *_ports()])


def _section(name: str, model: Any) -> Iterator[str]:
    """A table of the file, then the tables within it."""
    inner: list[tuple[str, Any]] = []
    rows = []
    for key, field in model.model_fields.items():
        nested = _model_of(field.annotation)
        if nested is None:
            kind, default = _kind(model.__annotations__[key]), _default(field)
            rows.append(f"| `{key}` | {kind} | {default} | {_cell(field.description or '')} |\n")
        elif key != "limits":
            many = get_origin(field.annotation) is tuple
            inner.append((f"{name}.{key}".lstrip(".") + ("[]" if many else ""), nested))
    if rows:
        title = f"[[{name[:-2]}]]" if name.endswith("[]") else f"[{name}]" if name else "At the top"
        gift = inspect.cleandoc(model.__doc__ or "") if name and "__doc__" in vars(model) else ""
        yield f"\n## {title}\n\n" + (f"{gift}\n\n" if gift else "")
        yield "| key | kind | default | what |\n|---|---|---|---|\n"
        yield from rows
    for title, nested in inner:
        yield from _section(title, nested)


def _model_of(annotation: Any) -> Any:
    """The model in ``annotation``, when it is one or a tuple of them."""
    found = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)]
    return found[0] if found else None


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {KINDS[get_args(annotation)[0]]}s"
    if get_origin(annotation) is dict:
        return f"table of {_kind(get_args(annotation)[1])}"
    return KINDS[next(one for one in (annotation, *get_args(annotation)) if one in KINDS)]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    return f"`{format_value(field.default)}`" if field.default not in (None, "") else ""


def _limits() -> Iterator[str]:
    yield "\n## [limits]\n\nZero or less is an error and never means that there is no limit. See `posthouse limits`.\n"
    yield "\n| | key | unit | default | what |\n|---|---|---|---|---|\n"
    defaults = dict(
        re.findall(r"^#(\w+) = (.*)$", format_sample().partition("\n[limits]\n")[2].partition("\n[")[0], re.MULTILINE)
    )
    for field in dataclasses.fields(Limits):
        number, unit, why = (str(field.metadata[key]) for key in ("number", "unit", "why"))
        yield f"| {number} | `{field.name}` | {unit} | `{defaults[field.name]}` | {_cell(why)} |\n"


def _ports() -> Iterator[str]:
    yield "\n## Ports\n\nWhere a listener without a `port` listens:\n\n| service | port |\n|---|---|\n"
    yield from (f"| {service} | {port} |\n" for service, port in PORTS.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {
    "docs/reference/configuration.md": configuration_page,
    "docs/reference/metrics.md": format_table,
}


def main(arguments: list[str]) -> int:
    failed = 0
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text("utf-8") != text:
            print(f"{name}: run python tools/reference.py")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
