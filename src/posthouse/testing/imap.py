r"""An IMAP server core and a door that agrees to everything: what a test of the protocol alone needs.

dialogue = Dialogue.selected()
assert dialogue.events("a NOOP") == [Noop("a")]
assert dialogue.said == b"a OK done\\r\\n"
"""

from posthouse.lib.sansio import Channel, Slice
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.server import ServerConnection

TLS = Channel(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256)
OFFER = Offer(append_octets=1000, starttls=True, mechanisms=("PLAIN",), drain_octets=500)


class Dialogue:
    """One session. ``refusing`` makes every command that is whole end in NO."""

    def __init__(self, *, secured: bool = True, offer: Offer = OFFER, refusing: bool = False) -> None:
        self.core = ServerConnection(offer)
        self.refusing = refusing
        self.said = b""
        """What the server said to the last ``events``."""
        if secured:
            self.core.secured(TLS)

    @classmethod
    def logged_in(cls) -> "Dialogue":
        dialogue = cls()
        dialogue.events("x LOGIN alice secret")
        return dialogue

    @classmethod
    def selected(cls, *enabled: str) -> "Dialogue":
        dialogue = cls.logged_in()
        if enabled:
            dialogue.events(f"x ENABLE {' '.join(enabled)}")
        dialogue.events("x SELECT INBOX")
        return dialogue

    def events(self, *lines: str | bytes) -> list[e.Event]:
        """What the core makes of ``lines`` (a CRLF is added to each), each event answered as it comes."""
        octets = b"".join((line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines)
        self.said = b""
        found: list[e.Event] = []
        self.core.receive_data(octets)
        while (event := self.core.next_event()) is not None:
            found.append(event)
            for action in self._answers(event):
                self.tell(action)
        return found

    def event(self, *lines: str | bytes) -> e.Event:
        """The one event that ``lines`` are."""
        (event,) = self.events(*lines)
        return event

    def tell(self, action: r.Response) -> bytes:
        """What goes out for ``action``; a slice as so many question marks."""
        pieces = self.core.send(action)
        octets = b"".join(b"?" * piece.length if isinstance(piece, Slice) else piece for piece in pieces)
        self.said += octets
        return octets

    def _answers(self, event: e.Event) -> list[r.Response]:
        match event:
            case e.AppendChunk():
                return []
            case e.Malformed():
                return [r.refuse(event)]
            case e.LiteralWanted():
                return [r.Continuation()]
            case e.StartAppend() | e.Idle() if not self.refusing:
                return [r.Continuation()]
            case e.Authenticate(initial=None):
                return [r.Challenge(b"")]
            case _:
                return [*self._before_the_end(event), r.Tagged(event.tag, self._condition, "done")]

    @property
    def _condition(self) -> r.Condition:
        return r.Condition.NO if self.refusing else r.Condition.OK

    @staticmethod
    def _before_the_end(event: e.Event) -> list[r.Response]:
        match event:
            case e.Capability():
                return [r.Capabilities()]
            case e.Enable():
                return [r.Enabled(event.capabilities)]
            case e.Logout():
                return [r.Bye("bye")]
            case _:
                return []
