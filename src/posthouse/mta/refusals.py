"""Saying no: every refusal carries an id, and under that id the ledger tells why."""

from posthouse.filter.boundary import Judgement
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.ids import TraceId
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.observe.ledger import Record, format_record
from posthouse.observe.ports import Journal
from posthouse.storage.ports import Store


class Refusals:
    """Shared by all sessions of a door."""

    __slots__ = ("_clock", "_ids", "_journal", "_store")

    def __init__(self, store: Store, clock: Clock, ids: Ids, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._journal = journal

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
        marked = Reply(reply.code, reply.status, (*reply.text[:-1], f"{reply.text[-1]} (id {trace})"), reply.hang_up)
        at = int(self._clock.now() * 1000)
        record = Record(
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
        if judgement is not None:
            judgement.mark(record)
        self._store.note(TraceId(trace), at, format_record(record))
        self._journal.note(
            "mail.refused",
            id=trace,
            door=client.door,
            peer=client.peer.address,
            sender=sender,
            recipients=" ".join(recipients),
            reply=str(reply),
        )
        return marked
