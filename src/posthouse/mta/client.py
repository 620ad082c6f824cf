"""Whom we are talking with, as the offices that take mail know him."""

import msgspec

from posthouse.lib.sansio import Channel
from posthouse.net.ports import Peer
from posthouse.storage.directory import AccountRow


class Client(msgspec.Struct):
    """One connection; changed by what the session brings: a hello, TLS, a login."""

    peer: Peer
    door: str
    channel: Channel | None = None
    hello: str = ""
    verb: str = ""
    account: AccountRow | None = None
    relays: bool = False
    """Its address is in exactly a network that may relay; nothing it says makes this true (threats A01, S14)."""
    exempt: bool = False
    """No rate applies to it."""

    @property
    def tls(self) -> str:
        """The protocol and cipher, empty in the clear."""
        return f"{self.channel.version} {self.channel.cipher}" if self.channel is not None else ""

    def protocol(self, *, utf8: bool) -> str:
        """The ``with`` word of the trace line (RFC 3848, RFC 6531 section 4.3)."""
        if self.verb == "HELO":
            return "SMTP"
        word = "LMTP" if self.verb == "LHLO" else "SMTP" if utf8 else "ESMTP"
        marks = ("S" if self.channel is not None else "") + ("A" if self.account is not None else "")
        return ("UTF8" if utf8 else "") + word + marks
