"""Arguments of an operation, as they came over the control socket: checked here, once."""

from collections.abc import Mapping, Sequence
from typing import Any

from posthouse.mail.address import Address
from posthouse.ops.house import CannotDo
from posthouse.standards.smtp.grammar import parse_domain, parse_mailbox


class Arguments:
    """Named values; each is asked for by its kind. What nobody asked for is refused by ``finish``."""

    __slots__ = ("_asked", "_given")

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._asked: set[str] = set()

    def _take(self, name: str) -> Any:
        self._asked.add(name)
        return self._given.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise CannotDo(f"{name} is missing")
        return value

    def texts(self, name: str) -> Sequence[str]:
        value = self._take(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CannotDo(f"{name} is missing")
        return value

    def number(self, name: str, default: int) -> int:
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise CannotDo(f"{name} must be a number")
        return value

    def flag(self, name: str) -> bool:
        return self._take(name) is True

    def address(self, name: str) -> Address:
        return to_address(self.text(name))

    def domain(self, name: str) -> str:
        text = self.text(name)
        try:
            domain = parse_domain(text)
        except ValueError as error:
            why = str(error).removeprefix("not a domain")
            raise CannotDo(f"{text} is not a domain{why and f': {why}'}", "write it as office.example") from None
        if domain.startswith("["):
            raise CannotDo(f"{text} is an address of a machine, not a domain")
        return domain

    def finish(self) -> None:
        """Refuse what no operation knows: a misspelt filter must not mean "all"."""
        unknown = set(self._given) - self._asked
        if unknown:
            raise CannotDo(f"unknown: {', '.join(sorted(unknown))}")


def to_address(text: str) -> Address:
    """``text`` as an address; raises ``CannotDo``."""
    try:
        return parse_mailbox(text)
    except ValueError as error:
        why = str(error).removeprefix("not a mailbox")
        raise CannotDo(f"{text} is not an address{why and f': {why}'}", "write it as name@domain") from None
