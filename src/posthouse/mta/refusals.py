"""Saying no: every refusal carries an id, and under that id the ledger tells why.

What strangers were refused takes no more of the disk than a limit says (L28): beyond it a refusal stands in the
journal and is counted, as all are, but the ledger does not know it.
"""

from posthouse.filter.boundary import Judgement
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.ids import TraceId
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.observe.ledger import Record, format_record
from posthouse.observe.ports import Journal, Level
from posthouse.storage.ports import Store

DAY_SECONDS = 86400


class Refusals:
    """Shared by all sessions of a door."""

    __slots__ = ("_clock", "_ids", "_journal", "_room", "_store")

    def __init__(self, store: Store, clock: Clock, ids: Ids, journal: Journal, *, octets_day: int) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._room = _Room(octets_day, clock.monotonic())

    def note(
        self,
        client: Client,
        reply: Reply,
        *,
        sender: str = "",
        recipients: tuple[str, ...] = (),
        size: int = 0,
        trace: str = "",
        judgement: Judgement | None = None,
    ) -> Reply:
        """``reply`` with an id in its text, kept in the ledger and the journal.

        ``trace`` is the id of a message that the boundary filter did not let in, ``judgement`` why.
        """
        trace = trace or self._ids.trace_id()
        at = int(self._clock.now() * 1000)
        record = _record_of(client, reply, trace, at, sender=sender, recipients=recipients, size=size)
        if judgement is not None:
            judgement.mark(record)
        octets = format_record(record)
        if client.account is not None or self._has_room(len(octets)):
            self._store.note(TraceId(trace), at, octets)
        self._journal.note(
            "mail.refused",
            id=trace,
            door=client.door,
            peer=client.peer.address,
            sender=sender,
            recipients=" ".join(recipients),
            reply=str(reply),
        )
        return Reply(reply.code, reply.status, (*reply.text[:-1], f"{reply.text[-1]} (id {trace})"), reply.hang_up)

    def _has_room(self, octets: int) -> bool:
        before, given = self._room.left_out, self._room.take(octets, self._clock.monotonic())
        if given and before:
            self._journal.note("refusals.left-out", Level.WARNING, records=before)
        elif not given and not before:
            self._journal.note("refusals.full", Level.WARNING, octets_day=self._room.octets_day)
        return given


def _record_of(
    client: Client, reply: Reply, trace: str, at: int, *, sender: str, recipients: tuple[str, ...], size: int
) -> Record:
    """Who wanted what, and what he heard, for the ledger."""
    return Record(
        id=trace,
        at=at,
        door=client.door,
        verdict="deferred" if reply.transient else "refused",
        reply=str(reply),
        peer=client.peer.address,
        helo=client.hello,
        tls=client.tls,
        auth=client.account.address if client.account is not None else "",
        sender=sender,
        recipients=recipients,
        size=size,
    )


class _Room:
    """So many octets a day; once there are none, a hundredth of them must come before it begins again."""

    __slots__ = ("_at", "_left", "left_out", "octets_day")

    def __init__(self, octets_day: int, at: float) -> None:
        self.octets_day = octets_day
        self.left_out = 0
        """Records since it was full."""
        self._left = float(octets_day)
        self._at = at

    def take(self, octets: int, now: float) -> bool:
        self._left = min(self.octets_day, self._left + (now - self._at) * self.octets_day / DAY_SECONDS)
        self._at = now
        if self._left < (self.octets_day / 100 if self.left_out else octets):
            self.left_out += 1
            return False
        self._left -= octets
        self.left_out = 0
        return True
