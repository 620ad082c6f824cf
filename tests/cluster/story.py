"""Three nodes on one cluster, with senders and readers at work, and the laws that hold when all is over."""

import itertools
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from load import Elsewhere, Reader, Senders, open_mailbox, subjects_of, uids_after
from node import PASSWORD, PATIENCE, Node

from posthouse.testing.patroni import PatroniCluster

PEOPLE = ("alice", "bob", "carol", "dora")
HELD_SECONDS = 60.0
"""A sender is answered within this, whatever happens to one machine."""

LAWS = {
    "messages without a letter": "SELECT count(*) FROM message m LEFT JOIN letter l USING (letter_no) "
    "WHERE l.letter_no IS NULL",
    "letters without content": "SELECT count(*) FROM letter l LEFT JOIN blob b USING (blob_no) WHERE b.blob_no IS NULL",
    "postings without content": "SELECT count(*) FROM posting p LEFT JOIN blob b USING (blob_no) "
    "WHERE b.blob_no IS NULL",
    "items without a posting": "SELECT count(*) FROM item i LEFT JOIN posting p USING (posting_no) "
    "WHERE p.posting_no IS NULL",
    "content that nobody needs and no sweep knows": "SELECT count(*) FROM blob b "
    "WHERE NOT EXISTS (SELECT 1 FROM letter l WHERE l.blob_no = b.blob_no) "
    "AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.blob_no = b.blob_no) "
    "AND NOT EXISTS (SELECT 1 FROM orphan o WHERE o.blob_no = b.blob_no) "
    "AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.blob_no = b.blob_no)",
    "mailboxes that count wrong": "SELECT count(*) FROM mailbox x WHERE messages <> (SELECT count(*) FROM message m "
    "WHERE m.account_id = x.account_id AND m.mailbox_id = x.mailbox_id)",
    "mailboxes whose next UID is taken": "SELECT count(*) FROM mailbox x WHERE uidnext <= (SELECT max(uid) "
    "FROM message m WHERE m.account_id = x.account_id AND m.mailbox_id = x.mailbox_id)",
    "mailboxes with a gap": "SELECT count(*) FROM mailbox x JOIN account a USING (account_id) "
    "WHERE role = 'INBOX' AND uidnext - 1 <> messages AND a.address NOT LIKE 'transit-%'",
    "accounts whose use is wrong": "SELECT count(*) FROM tally t WHERE quota >= 0 AND used <> (SELECT coalesce(sum(m.size), 0) "
    "FROM message m WHERE m.account_id = t.account_id)",
}
"""Each says how many there are; none is right."""

TRAIL = {
    "ledger": "SELECT accepted FROM ledger WHERE trace = '{trace}'",
    "delivered": "SELECT string_agg(account_id || '/' || mailbox_id || '/' || uid, ' ') FROM delivered "
    "WHERE delivery LIKE '{trace}%'",
    "filed": "SELECT string_agg(a.address || ' ' || b.name || ' ' || m.uid, ', ') FROM letter l "
    "JOIN message m USING (letter_no) JOIN mailbox b ON b.account_id = m.account_id "
    "AND b.mailbox_id = m.mailbox_id JOIN account a ON a.account_id = m.account_id "
    "WHERE l.subject ILIKE '{subject}'",
    "queued": "SELECT count(*) FROM posting WHERE queue_id = '{trace}'",
}
"""What the database may know of one message."""

_NUMBERS = itertools.count(1)


def is_whole(rows: list[dict[str, Any]]) -> bool:
    """Whether ``cluster status`` shows three servers, one of them synchronous, and three nodes."""
    roles = sorted(row["role"] for row in rows if row["what"] == "server")
    sync = sorted(row["sync"] for row in rows if row.get("role") == "standby")
    nodes = [row["state"] for row in rows if row["what"] == "node"]
    return (roles, sync, nodes) == (["leader", "standby", "standby"], ["async", "sync"], ["alive"] * 3)


class Story:
    """``nodes`` serve; what they promise is checked by ``finish``."""

    def __init__(
        self, cluster: PatroniCluster, directory: Path, *, extra: str = "", nodes: int = 3, homes: Sequence[Path] = ()
    ) -> None:
        self.cluster = cluster
        self.database = f"story{next(_NUMBERS)}"
        cluster.make_database(self.database)
        self.elsewhere = Elsewhere()
        engine = cluster.address(self.database)
        homes = homes or [directory / f"node{n}" for n in range(nodes)]
        self.nodes = [Node(home, engine, self.elsewhere.port, extra) for home in homes]
        self.readers: list[Reader] = []
        self.senders = Senders(self.nodes, PEOPLE, self.database)

    def open(self, *, readers: int = 3) -> None:
        """All nodes, people, readers, senders."""
        self.nodes[0].start()
        self.nodes[0].operate("domain", "add", "office.test")
        for person in PEOPLE:
            self.nodes[0].operate("account", "add", f"{person}@office.test", "--password-stdin", text=PASSWORD + "\n")
        for node in self.nodes[1:]:
            node.launch()
        for node in self.nodes[1:]:
            node.wait_ready()
        for n in range(readers):
            reader = Reader([*self.nodes[n % 3 :], *self.nodes[: n % 3]], PEOPLE[n % len(PEOPLE)])
            reader.start()
            self.readers.append(reader)
        self.senders.start()
        self.senders.wait_for(100)

    def sql(self, statement: str) -> str:
        return self.cluster.sql(statement, self.database)

    def await_status(self, found: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Until ``cluster status`` says so: a busy machine does not answer it within its three seconds."""
        end = time.monotonic() + PATIENCE
        while not found(rows := [json.loads(line) for line in self._status().splitlines()]):
            assert time.monotonic() < end, rows
            time.sleep(1)

    def _status(self) -> str:
        return self.nodes[0].operate("cluster", "status", "--json")

    def drain(self, patience: float = 150.0) -> float:
        """Until the queue is empty; how long that took."""
        began = time.monotonic()
        while int(self.sql("SELECT count(*) FROM item")):
            assert time.monotonic() - began < patience, self.nodes[-1].operate("queue", "list")
            time.sleep(0.2)
        return time.monotonic() - began

    def forgive_refused(self) -> None:
        """No server of the engine answered in time, or its disk said no: who was asked to come again would, and what
        he sent may be there.
        """
        assert all(" 451 " in one for one in self.senders.refused)
        self.senders.doubtful += [one.split()[0] for one in self.senders.refused]
        self.senders.refused.clear()

    def finish(self, *, most_repeats: int = 0) -> None:
        """Stop the load; check every promise. ``most_repeats``: transfers a death may have repeated."""
        self.senders.stop()
        alive = next(node for node in self.nodes if node.greets())
        assert self.senders.acknowledged
        assert self.senders.refused == [], "\n".join(self.senders.refused[:5])
        assert self.senders.unanswered == []
        assert self.senders.longest < HELD_SECONDS
        self._check_mailboxes(alive)
        self.drain()
        self._check_elsewhere(most_repeats)
        for law, question in LAWS.items():
            assert (law, self.sql(question)) == (law, "0")
        for node in self.nodes:
            assert "Traceback" not in node.log, node.log[-4000:]

    def _check_mailboxes(self, node: Node) -> None:
        doubtful = set(self.senders.doubtful)
        for person in PEOPLE:
            expected = {one.subject for one in self.senders.acknowledged if f"{person}@office.test" in one.recipients}
            with open_mailbox(node, person) as client:
                validity = client.response("UIDVALIDITY")[1][0]
                found, uids = subjects_of(client), uids_after(client, 0)
            lost = [subject for subject in expected if not found[subject]]
            assert lost == [], f"acknowledged and lost, of {person}: {self._whereabouts(lost, person)}"
            assert [subject for subject, count in found.items() if count > 1] == [], "doubled"
            assert [subject for subject in found if subject not in expected and subject not in doubtful] == []
            self._check_readers(person, validity, uids)

    def _whereabouts(self, lost: list[str], person: str) -> str:
        """What is known of messages that are not where they should be, and whether a second look finds them."""
        sent = {one.subject: one for one in self.senders.acknowledged}
        again = []
        for node in self.nodes:
            if node.greets():
                with open_mailbox(node, person) as client:
                    again.append(subjects_of(client))
        lines = [f"{len(lost)} of {len(sent)}; the servers: {self.cluster.ask(self.cluster.leader())}"]
        for subject in lost[:20]:
            one = sent[subject]
            lines.append(
                f"{subject}: {one.trace}, sent at {one.at:.2f}, answered after {one.seconds:.2f} s, "
                f"second look {[look[subject] for look in again]}, "
                + ", ".join(
                    f"{what} {self.sql(ask.format(subject=subject, trace=one.trace))!r}" for what, ask in TRAIL.items()
                )
                + "".join(f"\n    {line}" for node in self.nodes for line in node.log.splitlines() if one.trace in line)
            )
        return "\n".join(lines)

    def _check_readers(self, person: str, validity: bytes, uids: list[int]) -> None:
        for reader in self.readers:
            if reader.person == person:
                reader.wait_past(uids[-1])
                reader.stop()
                assert reader.validities <= {validity}
                assert reader.seen == uids, "a UID appeared behind one that was seen"

    def _check_elsewhere(self, most_repeats: int) -> None:
        found = Counter(self.elsewhere.subjects)
        expected = {one.subject for one in self.senders.acknowledged if "friend@elsewhere.test" in one.recipients}
        assert [subject for subject in expected if not found[subject]] == [], "acknowledged and never sent"
        repeated = [subject for subject, count in found.items() if count > 1]
        assert sum(found[subject] - 1 for subject in repeated) <= most_repeats, f"sent twice: {repeated}"

    def close(self) -> None:
        self.senders._stop.set()
        for reader in self.readers:
            reader._stop.set()
        for node in self.nodes:
            node.kill()
        self.elsewhere.close()
        try:
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND pid <> pg_backend_pid()")  # fmt: skip
        except (RuntimeError, AssertionError, subprocess.TimeoutExpired):
            pass
