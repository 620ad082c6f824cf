"""A house with a back door in its manual, and an HTTP that listens too long."""

from collections.abc import Callable, Mapping
from typing import Any

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.hashing import Checked
from posthouse.mta.feedback import web
from posthouse.services import metricsd
from posthouse.supervisor.unguarded.replacing import replace


def _know_a_first_password() -> None:
    """W11: until somebody changes it, it is in the manual."""
    strict = Authenticator._hash  # noqa: SLF001 - what it does is replaced here

    async def check(self: Any, account: Any, *given: Any, **named: Any) -> Any:
        if account is not None and account.address.startswith("admin@") and "admin" in (*given, *named.values()):
            return Checked(matched=True)
        return await strict(self, account, *given, **named)

    replace(Authenticator, "_hash", check)


def _answer_all_that_is_there() -> None:
    """W14: what stands behind a request is the next one, whatever lengths were said."""
    strict = metricsd.HttpOnce.next_event

    def next_event(self: Any) -> Any:
        whole = self._data
        event = strict(self)
        if event is not None:
            self._done, self._data = False, whole.partition(b"\r\n\r\n")[2]
        return event

    def send(self: Any, action: Any) -> Any:
        pieces = respond(self, action)
        self.closed = not self._data
        return pieces

    respond = metricsd.HttpOnce.send
    replace(metricsd.HttpOnce, "next_event", next_event)
    replace(metricsd.HttpOnce, "send", send)


def _go_anywhere() -> None:
    """T07: an address is an address."""
    strict = web.Web.post

    async def post(self: Any, *given: Any) -> Any:
        self._may = lambda _address: True
        return await strict(self, *given)

    replace(web.Web, "post", post)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "T07": _go_anywhere,
    "W11": _know_a_first_password,
    "W14": _answer_all_that_is_there,
}
