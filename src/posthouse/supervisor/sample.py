"""A configuration file with every key, its default and its reason, made from the model itself."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from posthouse.admd.limits import Limits
from posthouse.supervisor.config import Configuration

HEAD = """\
# Posthouse. Every key is here with its default; a key that is left out has it too.
# Check what you write with: posthouse config check FILE
"""


def format_sample() -> str:
    """The text of the file. Keys that have a default are comments."""
    lines = [HEAD, *_keys(Configuration, plain=True)]
    for name, field in Configuration.model_fields.items():
        section = _section(field)
        if section is not None:
            lines += ["", *_table(name, section, many=_is_list(field))]
    return "\n".join(lines) + "\n"


def format_configuration(configuration: Configuration) -> str:
    """What is in force, as a file that says the same: keys first, then the tables."""
    tree = configuration.model_dump(mode="json", exclude_none=True)
    limits = configuration.effective_limits
    tree["limits"] = {field.name: getattr(limits, field.name) for field in fields(limits)}
    return "\n".join(_tree("", tree)).strip() + "\n"


def _tree(name: str, tree: dict[str, Any]) -> Iterator[str]:
    for key, value in tree.items():
        if not _is_table(value):
            yield f"{key} = {json.dumps(value)}"
    for key, value in tree.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            yield f"\n[{inner}]"
            yield from _tree(inner, value)
        elif _is_table(value):
            for one in value:
                yield f"\n[[{inner}]]"
                yield from _tree(inner, one)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _table(name: str, section: type[BaseModel], *, many: bool = False) -> Iterator[str]:
    yield f"# [[{name}]]" if many else f"[{name}]"
    yield from _keys(section, plain=False)
    for inner, field in section.model_fields.items():
        below = _section(field)
        if below is not None:
            yield ""
            yield from _table(f"{name}.{inner}", below, many=_is_list(field))


def _keys(section: type[BaseModel], *, plain: bool) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if _section(field) is not None:
            continue
        if field.description:
            yield f"# {field.description}"
        if field.is_required():
            yield f'{"" if plain else "# "}{name} = "{"mx.example.org" if name == "hostname" else "..."}"'
        else:
            yield f"# {name} = {_value(name, field)}"


def _value(name: str, field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        value = getattr(Limits(), name, "")
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The table that a field stands for, None for a plain key."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _is_list(field: FieldInfo) -> bool:
    return isinstance(field.default, tuple)
