"""What the tests of the server's side of SMTP share: an offer, a wire, and the words up to a point of the session."""

from collections.abc import Callable

import pytest

from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import Wire


@pytest.fixture
def offer() -> Offer:
    return Offer(hostname="mx.office.test", max_octets=100_000, starttls=True, mechanisms=("PLAIN", "LOGIN"))


@pytest.fixture
def fresh(offer) -> Callable[..., Wire]:
    """A wire just greeted; keywords change the offer."""

    def start(**changes) -> Wire:
        fields = {name: getattr(offer, name) for name in ("hostname", "max_octets", "starttls", "mechanisms")}
        wire = Wire(ServerConnection(Offer(**(fields | changes))))
        wire.server("220 mx.office.test")
        return wire

    return start


@pytest.fixture
def ready(fresh) -> Callable[..., Wire]:
    """A wire after its hello, under TLS if asked."""

    def start(*, tls: bool = False, **changes) -> Wire:
        wire = fresh(**changes)
        if tls:
            wire.client("STARTTLS")
            wire.server("220 2.0.0")
            wire.secured()
        wire.client("LHLO a.example" if changes.get("lmtp") else "EHLO a.example")
        wire.written = b""
        return wire

    return start


@pytest.fixture
def mailing(ready) -> Callable[..., Wire]:
    """A wire with a transaction of one recipient."""

    def start(parameters: str = "", **changes) -> Wire:
        wire = ready(**changes)
        wire.client(f"MAIL FROM:<a@a.example>{parameters}", "RCPT TO:<b@office.test>")
        wire.server("250 2.0.0", "250 2.0.0")
        return wire

    return start
