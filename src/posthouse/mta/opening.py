"""Opening a link: connect, greeting, EHLO, STARTTLS, AUTH (RFC 5321 section 3.1, RFC 3207, RFC 4954)."""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Final

from posthouse.lib.ports import Clock, Ids
from posthouse.lib.sansio import RemoteError
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import with_status
from posthouse.mta.feedback.sessions import NO_STARTTLS, failure_of
from posthouse.mta.link import Link
from posthouse.mta.route import Credentials, Hop, Terms, TlsPolicy
from posthouse.net.ports import Dialer
from posthouse.standards.sasl.client import choose
from posthouse.standards.smtp.commands import STARTTLS, Command, Verb, hello

CONNECT_SECONDS: Final = 30
MAX_CHALLENGES: Final = 5


@dataclass(frozen=True, slots=True)
class Refused:
    """No link: why. ``in_tls``: the handshake failed, so that a try in the clear is another question.

    ``tls_failure`` is the word of RFC 8460 section 4.3 for what went wrong with TLS, if anything did.
    """

    reply: Reply
    in_tls: bool = False
    tls_failure: str = ""


class _Unwelcome(Exception):
    """The server's refusal of us, whatever the message."""

    def __init__(self, answer: Reply, *, in_tls: bool = False, tls_failure: str = "") -> None:
        super().__init__(str(answer))
        self.refused = Refused(with_status(answer), in_tls, tls_failure)


class Opening:
    """Makes links; knows our name and the way out."""

    def __init__(self, dialer: Dialer, clock: Clock, ids: Ids, hostname: str) -> None:
        self._dialer = dialer
        self._clock = clock
        self._ids = ids
        self._hostname = hostname

    async def open(self, hop: Hop, address: str, terms: Terms) -> Link | Refused:
        """A link ready for MAIL, or why not. Falls back to the clear where ``terms`` allow it."""
        opened = await self._attempt(hop, address, terms)
        if isinstance(opened, Refused) and opened.in_tls and terms.tls is TlsPolicy.MAY and not terms.implicit_tls:
            failure = opened.tls_failure
            opened = await self._attempt(hop, address, replace(terms, tls=TlsPolicy.NEVER))
            if isinstance(opened, Link):
                opened.tls_failure = failure
        return opened

    async def _attempt(self, hop: Hop, address: str, terms: Terms) -> Link | Refused:
        try:
            stream = await self._dialer.dial(address, hop.port, deadline_seconds=CONNECT_SECONDS)
        except TimeoutError:
            return Refused(reply(451, "4.4.1", "connecting to the server took too long"))
        except OSError as error:
            return Refused(reply(451, "4.4.1", f"cannot connect to the server: {error.strerror or 'no connection'}"))
        link = Link(stream, self._clock, hop.host, address, lmtp=terms.lmtp)
        try:
            if terms.implicit_tls:  # RFC 8314 section 3.3; here and not in the dialer, which knows no names
                verify = terms.tls is TlsPolicy.VERIFY
                await stream.secure(hop.host, verify=verify, deadline_seconds=CONNECT_SECONDS)
            await self._introduce(link, terms)
        except _Unwelcome as unwelcome:
            await link.quit()
            return unwelcome.refused
        except TimeoutError:
            link.drop()
            return Refused(reply(451, "4.4.2", "the server did not answer in time"))
        except RemoteError as error:
            link.drop()
            return Refused(reply(451, "4.5.0", f"the server does not speak SMTP properly: {error}"))
        except OSError:
            link.drop()
            return Refused(reply(451, "4.4.2", "the server broke the connection off"))
        except BaseException:
            link.drop()
            raise
        return link

    async def _introduce(self, link: Link, terms: Terms) -> None:
        greeting = await link.answers()
        if greeting[-1].reply.code != 220:
            raise _Unwelcome(greeting[-1].reply)
        await self._hello(link)
        if not terms.implicit_tls:
            await self._secure(link, terms)
        if terms.credentials is not None:
            await self._log_in(link, terms, terms.credentials)

    async def _hello(self, link: Link) -> None:
        answer = await link.ask(hello(self._hostname, lmtp=link.lmtp))
        if answer.permanent and not link.lmtp and not link.closed:  # RFC 5321 section 3.2
            answer = await link.ask(hello(self._hostname, plain=True))
        if not answer.accepted:
            raise _Unwelcome(answer)

    async def _secure(self, link: Link, terms: Terms) -> None:
        must = terms.tls in {TlsPolicy.MUST, TlsPolicy.VERIFY}
        if terms.tls is TlsPolicy.NEVER:
            return
        if not link.offered.starttls:
            if must:
                why = reply(454, "4.7.4", "the server does not offer TLS, which its route requires")
                raise _Unwelcome(why, tls_failure=NO_STARTTLS)
            link.tls_failure = NO_STARTTLS
            return
        answer = await link.ask(STARTTLS)
        if not link.wants_tls:
            if must:
                why = reply(454, "4.7.5", f"the server refuses TLS, which its route requires: {answer}")
                raise _Unwelcome(why, tls_failure=NO_STARTTLS)
            link.tls_failure = NO_STARTTLS
            return
        try:
            await link.secure(link.host, verify=terms.tls is TlsPolicy.VERIFY)
        except ConnectionAbortedError as error:  # CVE-2021-38371: not a failed handshake but an attack; no fallback
            raise RemoteError("the server talked before the TLS handshake") from error
        except OSError as error:
            link.drop()
            why = reply(454, "4.7.5", "the TLS handshake with the server failed")
            raise _Unwelcome(why, in_tls=True, tls_failure=failure_of(error)) from error
        await self._hello(link)

    async def _log_in(self, link: Link, terms: Terms, credentials: Credentials) -> None:
        """RFC 4954. A failure defers: it is our configuration that is wrong, not the message."""
        safe = link.stream.channel is not None or terms.tls is TlsPolicy.NEVER
        login = choose(
            link.offered.mechanisms, credentials.user, credentials.password, nonce=self._ids.token(18), secured=safe
        )
        if login is None:
            raise _Unwelcome(reply(454, "4.7.0", "the server offers no way to log in that we may use"))
        initial = login.initial()
        line = f"AUTH {login.mechanism}" + ("" if initial is None else f" {_base64(initial)}")
        answer = await link.ask(Command(Verb.AUTH, line))
        for _ in range(MAX_CHALLENGES):
            if answer.code != 334:
                break
            response = login.respond(_challenge(answer))
            answer = await link.ask(Command(Verb.AUTH, _base64(response) if response else ""))
        if answer.code != 235 or not login.proved:
            raise _Unwelcome(reply(454, "4.7.8", f"the server does not let us log in: {answer.code}"))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode() or "="


def _challenge(answer: Reply) -> bytes:
    try:
        return base64.b64decode(answer.text[-1].encode(), validate=True)
    except binascii.Error as error:
        raise RemoteError("a challenge that is not base64") from error
