"""Putting something else where a defence stands."""

from typing import Any


def replace(owner: Any, name: str, value: Any) -> None:
    """``owner.name`` is ``value`` from here on; a name that is gone is an error, not a silent no-op."""
    getattr(owner, name)
    setattr(owner, name, value)
