"""What one field says, as values (RFC 8601 section 2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Property:
    """``ptype.property=value``, as in ``smtp.mailfrom=a@b.test``. ``value`` is unquoted."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MethodResult:
    """``method=result`` with what supports it. ``reason`` and ``comment`` are for people."""

    method: str
    result: str
    reason: str = ""
    comment: str = ""
    properties: tuple[Property, ...] = ()
    version: int = 1

    def property(self, kind: str, name: str) -> str:
        """The value of ``kind.name``, empty when it is not there."""
        return next((one.value for one in self.properties if (one.kind, one.name) == (kind, name)), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A whole field. No ``results`` stands for ``none``: nothing was looked at."""

    authserv_id: str
    results: tuple[MethodResult, ...] = ()
    version: int = 1
