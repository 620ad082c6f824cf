"""The numbered steps from an empty database to the schema of today. A step is never changed once released.

Dirty pages are the price of a message: each costs about 12 microseconds in
the write-ahead log and the checkpoint, more than any statement. So what one
message adds lies at the end of as many trees as possible: numbers and trace
ids ascend, new messages enter no change log (``born`` ascends with the UID,
so a suffix of the mailbox is what is new), and only content names, threads
and the mailbox itself are written in the middle.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step, applied in one transaction together with the note that it was.

    A step that only adds (tables, columns with a default, indexes) says with
    ``serves`` which earlier schema may go on serving the data: nodes of the
    release before, while the machines are upgraded one after the other, and a
    release that somebody goes back to. 0: nobody before this step may.
    """

    number: int
    name: str
    statements: tuple[str, ...]
    serves: int = 0
    embedded_too: bool = True
    """Whether ``serves`` is also true of the embedded engine."""
    embedded: tuple[str, ...] = ()
    """Statements for the embedded engine alone, after the others."""

    def least(self, *, embedded: bool) -> int:
        """The schema that a release must know to serve data with this step."""
        return self.serves if self.serves and (self.embedded_too or not embedded) else self.number

    @property
    def checksum(self) -> str:
        """So that a step edited after its release is noticed where it ran already."""
        return hashlib.sha256("\0".join(self.statements + self.embedded).encode()).hexdigest()


LEAST = "schema.least"
"""The thing that says which schema a release must know to serve this data."""


def may_serve(least: bytes | None, newest: int, known: int) -> bool:
    """Whether a release that knows schema ``known`` may serve ``newest``; ``least`` is the thing ``LEAST``."""
    return newest <= known or (least is not None and least.isdigit() and int(least) <= known)


APPLIED = """CREATE TABLE IF NOT EXISTS migration (
    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)"""

_FIRST = (
    # who we are
    "CREATE TABLE domain (name TEXT NOT NULL PRIMARY KEY, catch_all TEXT NOT NULL, created_at BIGINT NOT NULL)",
    """CREATE TABLE account (
        account_id {key} NOT NULL PRIMARY KEY, address TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, name TEXT NOT NULL,
        verifiers TEXT NOT NULL, admin BIGINT NOT NULL, enabled BIGINT NOT NULL, created_at BIGINT NOT NULL)""",
    """CREATE TABLE alias (
        address TEXT NOT NULL PRIMARY KEY, domain TEXT NOT NULL, targets TEXT NOT NULL, created_at BIGINT NOT NULL)""",
    # the counters of an account, apart from its row because every message rewrites them
    """CREATE TABLE tally (
        account_id {key} NOT NULL PRIMARY KEY REFERENCES account(account_id), modseq BIGINT NOT NULL,
        used BIGINT NOT NULL, quota BIGINT NOT NULL, mailboxes BIGINT NOT NULL, uidvalidity BIGINT NOT NULL)""",
    """CREATE TABLE mailbox (
        account_id BIGINT NOT NULL REFERENCES account(account_id), mailbox_id BIGINT NOT NULL,
        name TEXT NOT NULL, role TEXT, uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL,
        messages BIGINT NOT NULL, unseen BIGINT NOT NULL, size BIGINT NOT NULL, deleted BIGINT NOT NULL,
        pruned BIGINT NOT NULL, PRIMARY KEY (account_id, mailbox_id), UNIQUE (account_id, name)){clustered}""",
    """CREATE TABLE subscription (
        account_id BIGINT NOT NULL REFERENCES account(account_id), name TEXT NOT NULL,
        PRIMARY KEY (account_id, name)){clustered}""",
    # content
    """CREATE TABLE blob (
        blob_no {key} NOT NULL PRIMARY KEY, hash {octets} NOT NULL UNIQUE, size BIGINT NOT NULL, octets {octets})""",
    "CREATE TABLE orphan (blob_no {key} NOT NULL PRIMARY KEY)",
    # one letter: what all copies of a message in an account share
    """CREATE TABLE letter (
        letter_no {key} NOT NULL PRIMARY KEY, account_id BIGINT NOT NULL,
        blob_no BIGINT NOT NULL REFERENCES blob(blob_no), size BIGINT NOT NULL, received_at BIGINT NOT NULL,
        email BIGINT NOT NULL, thread BIGINT NOT NULL, sent_at BIGINT NOT NULL, message_id TEXT NOT NULL,
        subject TEXT NOT NULL, preview TEXT NOT NULL, prefix {octets} NOT NULL, envelope {octets} NOT NULL,
        structure {octets} NOT NULL)""",
    "CREATE INDEX letter_blob ON letter (blob_no)",
    """CREATE TABLE message (
        account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, uid BIGINT NOT NULL, modseq BIGINT NOT NULL,
        born BIGINT NOT NULL, flags TEXT NOT NULL, size BIGINT NOT NULL, saved_at BIGINT NOT NULL,
        letter_no BIGINT NOT NULL REFERENCES letter(letter_no),
        PRIMARY KEY (account_id, mailbox_id, uid)){clustered}""",
    "CREATE INDEX message_letter ON message (letter_no)",
    # what happened to messages after they were born: flags changed, or gone
    """CREATE TABLE change (
        account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, uid BIGINT NOT NULL, modseq BIGINT NOT NULL,
        gone BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (account_id, mailbox_id, uid)){clustered}""",
    "CREATE INDEX change_modseq ON change (account_id, mailbox_id, modseq)",
    """CREATE TABLE delivered (
        delivery TEXT NOT NULL, account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, uidvalidity BIGINT NOT NULL,
        uid BIGINT NOT NULL, modseq BIGINT NOT NULL, email BIGINT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (delivery, account_id)){clustered}""",
    """CREATE TABLE thread (
        account_id BIGINT NOT NULL, key {octets} NOT NULL, thread BIGINT NOT NULL,
        PRIMARY KEY (account_id, key)){clustered}""",
    # the queue
    """CREATE TABLE posting (
        posting_no {key} NOT NULL PRIMARY KEY, queue_id TEXT NOT NULL, reverse_path TEXT NOT NULL,
        blob_no BIGINT NOT NULL REFERENCES blob(blob_no), body TEXT NOT NULL, utf8 BIGINT NOT NULL, ret TEXT,
        envid TEXT, submitter BIGINT, require_tls BIGINT NOT NULL, is_report BIGINT NOT NULL,
        created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, prefix {octets} NOT NULL)""",
    "CREATE INDEX posting_blob ON posting (blob_no)",
    "CREATE INDEX posting_queue ON posting (queue_id)",
    """CREATE TABLE item (
        item_no {key} NOT NULL PRIMARY KEY, posting_no BIGINT NOT NULL REFERENCES posting(posting_no),
        local TEXT NOT NULL, domain TEXT NOT NULL, notify BIGINT, original_kind TEXT, original TEXT,
        state BIGINT NOT NULL, due_at BIGINT NOT NULL, owner TEXT, token BIGINT NOT NULL, attempts BIGINT NOT NULL,
        warned BIGINT NOT NULL, last TEXT NOT NULL, last_host TEXT NOT NULL)""",
    "CREATE INDEX item_due ON item (state, due_at, domain)",
    "CREATE INDEX item_posting ON item (posting_no)",
    # the decision ledger, and small things with a name
    """CREATE TABLE ledger (
        trace TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, accepted BIGINT NOT NULL, record {octets} NOT NULL)""",
    "CREATE INDEX ledger_at ON ledger (at)",
    "CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY, value {octets} NOT NULL)",
)

_FATES = (
    # what became of recipients, with the ledger's record of their message; written where that ascends, and gone with it
    """CREATE TABLE fate (
        trace TEXT NOT NULL, item_no BIGINT NOT NULL, record {octets} NOT NULL,
        PRIMARY KEY (trace, item_no)){clustered}""",
)

_SHELVES = (
    # small facts of the offices, counts that only grow, one job for one node, allotments of a shared limit
    """CREATE TABLE note (
        kind TEXT NOT NULL, key TEXT NOT NULL, value {octets} NOT NULL, at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        PRIMARY KEY (kind, key)){clustered}""",
    "CREATE INDEX note_expires ON note (expires_at)",
    """CREATE TABLE score (
        kind TEXT NOT NULL, key TEXT NOT NULL, a BIGINT NOT NULL, b BIGINT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (kind, key)){clustered}""",
    """CREATE TABLE lease (
        name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, token BIGINT NOT NULL, until BIGINT NOT NULL)""",
    "CREATE TABLE rate (key TEXT NOT NULL PRIMARY KEY, ends BIGINT NOT NULL, used BIGINT NOT NULL)",
    # what is in quarantine, of all accounts
    "CREATE INDEX mailbox_role ON mailbox (role, account_id)",
)

_NODES = (
    # who serves this data, and what they share (the distributed engine; the embedded one has one node and needs none)
    """CREATE TABLE node (
        name TEXT NOT NULL PRIMARY KEY, slot BIGINT NOT NULL UNIQUE, version TEXT NOT NULL, joined_at BIGINT NOT NULL,
        seen BIGINT NOT NULL)""",
    "CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",
    # content too large for one row, and content that is stored and not yet referenced
    """CREATE TABLE piece (
        blob_no BIGINT NOT NULL REFERENCES blob(blob_no), start BIGINT NOT NULL, octets {octets} NOT NULL,
        PRIMARY KEY (blob_no, start)){clustered}""",
    "CREATE TABLE upload (blob_no {key} NOT NULL PRIMARY KEY REFERENCES blob(blob_no), until BIGINT NOT NULL)",
)

_BODIES = (
    # content kept outside, in object storage: its row in ``blob`` has no octets and one row here
    """CREATE TABLE body (
        object TEXT NOT NULL PRIMARY KEY, blob_no BIGINT NOT NULL UNIQUE REFERENCES blob(blob_no))""",
    # objects that lost their row, or never had one because the same content was there before
    "CREATE TABLE body_trash (object TEXT NOT NULL PRIMARY KEY, delete_after BIGINT NOT NULL)",
)

_BY_DOMAIN = (
    # people as operators read them: by domain and address
    "CREATE INDEX account_domain ON account (domain, address)",
    "CREATE INDEX alias_domain ON alias (domain, address)",
)

_BESIDE = (
    # the counters of an account once more, in the row of its first mailbox, which is read anyway
    "ALTER TABLE mailbox ADD COLUMN account_modseq BIGINT",
    "ALTER TABLE mailbox ADD COLUMN account_used BIGINT",
    "ALTER TABLE mailbox ADD COLUMN account_quota BIGINT",
    "ALTER TABLE mailbox ADD COLUMN account_mailboxes BIGINT",
    "ALTER TABLE mailbox ADD COLUMN account_uidvalidity BIGINT",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the house", _FIRST),
    Migration(2, "fates", _FATES),
    Migration(3, "shelves", _SHELVES),
    Migration(4, "nodes", _NODES),
    Migration(5, "bodies", _BODIES),
    Migration(6, "people by domain", _BY_DOMAIN, serves=5),
    # nothing is another way, but the embedded engine's counters may be late (storage.sqlite.late)
    Migration(7, "late counters", (), serves=5, embedded_too=False),
    # who does not know these columns would leave them as they are, and whoever comes next would believe them
    Migration(8, "counters beside INBOX", (), serves=5, embedded_too=False, embedded=_BESIDE),
)


def least_with(migration: Migration, least: bytes | None, *, embedded: bool = False) -> bytes:
    """What the thing ``LEAST`` says once ``migration`` is applied."""
    before = int(least) if least is not None and least.isdigit() else 0
    return str(max(before, migration.least(embedded=embedded))).encode()


def too_new(newest: int, known: int) -> str:
    return f"the data has schema {newest}, this release knows up to {known}: use the newer one"
