"""TLS and DNS without what makes them safe."""

import importlib
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.net import connection, dialer, resolver, session, tls
from posthouse.standards.dns.ports import DnsTrouble
from posthouse.standards.smtp import replies
from posthouse.standards.smtp.replies import ReplyReader
from posthouse.supervisor.unguarded.replacing import replace


def _read_replies_without_end() -> None:
    """S15: a reply is as long as it is."""
    replace(replies, "MAX_LINES", 1 << 40)
    replace(replies, "MAX_OCTETS", 1 << 40)


def _hear_replies_before_the_handshake() -> None:
    """T02: what came behind the answer to STARTTLS answers what is asked inside."""
    replace(ReplyReader, "is_empty", property(lambda _self: True))
    strict = dialer.TcpStream.secure

    async def secure(self: Any, name: str, *, verify: bool, deadline_seconds: float) -> Any:
        self._unread.clear()
        return await strict(self, name, verify=verify, deadline_seconds=deadline_seconds)

    replace(dialer.TcpStream, "secure", secure)


def _agree_to_anything() -> None:
    """T04: old versions, weak ciphers, one context for all doors."""
    strict = tls.server_context
    made: dict[Any, ssl.SSLContext] = {}

    def context(certificate: Any, key: Any, **given: Any) -> ssl.SSLContext:
        found = made.get(key)
        if found is None:
            found = made[key] = strict(certificate, key, **given)
            found.minimum_version = ssl.TLSVersion.TLSv1
            found.set_ciphers("ALL:@SECLEVEL=0")
        return found

    replace(tls, "server_context", context)


def _speak_with_browsers() -> None:
    """T05: whatever protocol a client agreed on is served."""
    replace(tls, "FOREIGN_ALPN", ())


def _wait_for_handshakes() -> None:
    """T06."""
    for module in (connection, session):
        replace(module, "HANDSHAKE_SECONDS", 3600.0)


def _read_answers_slowly() -> None:
    """T08: each broken answer costs the loop half a second, as parsers have done that follow names in circles."""
    strict = resolver.DnsResolver._query  # noqa: SLF001 - what it does is replaced here

    async def query(self: Any, *given: Any) -> Any:
        try:
            return await strict(self, *given)
        except DnsTrouble:
            time.sleep(0.5)  # noqa: ASYNC251 - the very fault
            raise

    replace(resolver.DnsResolver, "_query", query)


def _believe_any_answer() -> None:
    """T09: whoever answers first is right, whatever id he names."""
    message = importlib.import_module("dns.message")
    replace(message.Message, "is_response", lambda _self, _other: True)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "S15": _read_replies_without_end,
    "T04": _agree_to_anything,
    "T05": _speak_with_browsers,
    "T09": _believe_any_answer,
    "T08": _read_answers_slowly,
    "T06": _wait_for_handshakes,
    "T02": _hear_replies_before_the_handshake,
}
