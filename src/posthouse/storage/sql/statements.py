"""The statements both engines share, by office. Arguments stand in the order of their numbers."""

# -- acceptance ------------------------------------------------------------------------------

ENTER_TRACE = "INSERT INTO ledger (trace, at, accepted, record) VALUES ($1, $2, 1, $3) ON CONFLICT (trace) DO NOTHING"
TRACE_ACCEPTED = "SELECT accepted FROM ledger WHERE trace = $1"
TRACE_BECOMES_ACCEPTED = "UPDATE ledger SET at = $2, accepted = 1, record = $3 WHERE trace = $1"
TRACE_BECOMES_REFUSED = "UPDATE ledger SET accepted = 0 WHERE trace = $1"
NOTE_TRACE = """INSERT INTO ledger (trace, at, accepted, record) VALUES ($1, $2, 0, $3)
    ON CONFLICT (trace) DO UPDATE SET at = excluded.at, record = excluded.record WHERE ledger.accepted = 0"""

KEEP_BLOB = "INSERT INTO blob (blob_no, hash, size, octets) VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO NOTHING"
FIND_BLOB = "SELECT blob_no FROM blob WHERE hash = $1"
ADD_LETTER = """INSERT INTO letter (letter_no, account_id, blob_no, size, received_at, email, thread, sent_at,
    message_id, subject, preview, prefix, envelope, structure)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"""
ADD_MESSAGE = """INSERT INTO message (account_id, mailbox_id, uid, modseq, born, flags, size, saved_at, letter_no)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)"""
ADD_DELIVERED = """INSERT INTO delivered (delivery, account_id, mailbox_id, uidvalidity, uid, modseq, email, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (delivery, account_id) DO NOTHING"""
FIND_DELIVERED = """SELECT mailbox_id, uidvalidity, uid, modseq, email FROM delivered
    WHERE delivery = $1 AND account_id = $2"""
ADD_THREAD = "INSERT INTO thread (account_id, key, thread) VALUES ($1, $2, $3) ON CONFLICT (account_id, key) DO NOTHING"
FIND_THREAD = "SELECT thread FROM thread WHERE account_id = $1 AND key = $2"

# -- counters --------------------------------------------------------------------------------

READ_TALLY = "SELECT modseq, used, quota, mailboxes, uidvalidity FROM tally WHERE account_id = $1"
WRITE_TALLY = """UPDATE tally SET modseq = $2, used = $3, quota = $4, mailboxes = $5, uidvalidity = $6
    WHERE account_id = $1"""
READ_MAILBOX_COUNTERS = """SELECT mailbox_id, uidvalidity, uidnext, modseq, messages, unseen, size, deleted, role
    FROM mailbox WHERE account_id = $1 AND mailbox_id = $2"""
READ_ROLE_COUNTERS = """SELECT mailbox_id, uidvalidity, uidnext, modseq, messages, unseen, size, deleted, role
    FROM mailbox WHERE account_id = $1 AND role = $2 ORDER BY mailbox_id LIMIT 1"""
WRITE_MAILBOX_COUNTERS = """UPDATE mailbox SET uidnext = $3, modseq = $4, messages = $5, unseen = $6, size = $7,
    deleted = $8 WHERE account_id = $1 AND mailbox_id = $2"""

# -- the queue -------------------------------------------------------------------------------

ADD_POSTING = """INSERT INTO posting (posting_no, queue_id, reverse_path, blob_no, body, utf8, ret, envid, submitter,
    require_tls, is_report, created_at, expires_at, prefix)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"""
ADD_ITEM = """INSERT INTO item (item_no, posting_no, local, domain, notify, original_kind, original, state, due_at,
    owner, token, attempts, warned, last, last_host)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $11, $8, $9, $10, 0, 0, $12, '')"""
SLICE_OF_DUE = """SELECT due_at, domain FROM item WHERE state = 0 AND (due_at, domain) > ($1, $2) AND due_at <= $3
    ORDER BY due_at, domain LIMIT 1 OFFSET $4"""
"""Where so many that are due end (``storage.sql.walking``)."""
DUE_ITEMS = """SELECT item_no, due_at, domain FROM item WHERE state = 0 AND (due_at, domain) > ($1, $2)
    AND (due_at, domain) {upto} ($3, $4) AND {wanted} ORDER BY due_at, domain, item_no LIMIT $5"""
"""``{upto}`` is < or <=; ``{wanted}`` says that the domain is not in the list $6."""
CLAIM = "UPDATE item SET owner = $1, due_at = $2, token = token + 1 WHERE item_no IN ({claimed})"
ITEMS = """SELECT i.item_no, p.queue_id, i.token, i.local, i.domain, i.notify, i.original_kind, i.original, i.attempts,
    p.created_at, i.due_at, p.expires_at, i.state, i.owner, i.warned, i.last, i.last_host, p.reverse_path,
    p.prefix, b.hash, b.size, p.body, p.utf8, p.ret, p.envid, p.submitter, p.require_tls, p.is_report
    FROM item i JOIN posting p ON p.posting_no = i.posting_no JOIN blob b ON b.blob_no = p.blob_no"""
RENEW = "UPDATE item SET due_at = $3 WHERE item_no = $1 AND token = $2 AND owner IS NOT NULL"
DEFER = """UPDATE item SET due_at = $3, owner = NULL, attempts = attempts + $4, last = $5, last_host = $6,
    warned = CASE WHEN $7 = 1 THEN 1 ELSE warned END
    WHERE item_no = $1 AND token = $2 AND owner IS NOT NULL"""
FINISH = "DELETE FROM item WHERE item_no = $1 AND token = $2 AND owner IS NOT NULL RETURNING posting_no"
DROP = "DELETE FROM item WHERE item_no = $1 RETURNING posting_no"
HOLD = "UPDATE item SET state = 1 WHERE item_no = $1 AND state = 0 AND (owner IS NULL OR due_at <= $2)"
RELEASE = """UPDATE item SET state = 0, owner = NULL, due_at = $2
    WHERE item_no = $1 AND (state = 1 OR owner IS NULL OR due_at <= $3)"""
RECLAIM = """UPDATE item SET owner = NULL, due_at =
    (SELECT p.created_at FROM posting p WHERE p.posting_no = item.posting_no) WHERE owner = $1"""
NEXT_DUE = "SELECT min(due_at) FROM item WHERE state = 0"
END_POSTING = """DELETE FROM posting WHERE posting_no = $1
    AND NOT EXISTS (SELECT 1 FROM item WHERE item.posting_no = $1) RETURNING blob_no"""
MAY_BE_ORPHAN = "INSERT INTO orphan (blob_no) VALUES ($1) ON CONFLICT (blob_no) DO NOTHING"

# -- mailboxes -------------------------------------------------------------------------------

ADD_TALLY = """INSERT INTO tally (account_id, modseq, used, quota, mailboxes, uidvalidity)
    VALUES ($1, 0, 0, $2, 0, 0)"""
ADD_MAILBOX = """INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, modseq, messages,
    unseen, size, deleted, pruned) VALUES ($1, $2, $3, $4, $5, 1, $6, 0, 0, 0, 0, 0)"""
MAILBOX_NAMED = "SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND name = $2"
MAILBOX_NAME = "SELECT name, role FROM mailbox WHERE account_id = $1 AND mailbox_id = $2"
ANY_MAILBOXES = """SELECT m.mailbox_id, m.name, m.role, CASE WHEN s.name IS NULL THEN 0 ELSE 1 END, m.uidvalidity,
    m.uidnext, m.modseq, m.messages, m.unseen, m.size, m.deleted, m.pruned
    FROM mailbox m LEFT JOIN subscription s ON s.account_id = m.account_id AND s.name = m.name
    WHERE m.account_id = $1"""
MAILBOXES = ANY_MAILBOXES + " AND (m.role IS NULL OR m.role <> 'QUARANTINE')"
MAILBOX = ANY_MAILBOXES + " AND m.mailbox_id = $2"
FAMILY = """SELECT mailbox_id, name FROM mailbox WHERE account_id = $1
    AND (name = $2 OR (name >= $2 || '/' AND name < $2 || '0')) ORDER BY name"""
RENAME_MAILBOX = "UPDATE mailbox SET name = $3 WHERE account_id = $1 AND mailbox_id = $2"
DELETE_MAILBOX = "DELETE FROM mailbox WHERE account_id = $1 AND mailbox_id = $2"
FORGET_CHANGES = "DELETE FROM change WHERE account_id = $1 AND mailbox_id = $2"
SUBSCRIBE = "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT (account_id, name) DO NOTHING"
UNSUBSCRIBE = "DELETE FROM subscription WHERE account_id = $1 AND name = $2"
SUBSCRIPTIONS = "SELECT name FROM subscription WHERE account_id = $1 ORDER BY name"

# -- messages --------------------------------------------------------------------------------

MESSAGES = "SELECT uid, modseq, flags FROM message WHERE account_id = $1 AND mailbox_id = $2"
ALL_MESSAGES = MESSAGES + " ORDER BY uid"
LAST_BORN = """SELECT uid, modseq, flags, born FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid < $3
    ORDER BY uid DESC LIMIT $4"""
CHANGED_SINCE = """SELECT m.uid, m.modseq, m.flags FROM change c JOIN message m ON m.account_id = c.account_id
    AND m.mailbox_id = c.mailbox_id AND m.uid = c.uid
    WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq > $3 AND c.gone = 0"""
GONE_SINCE = """SELECT uid FROM change WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3 AND gone = 1
    ORDER BY uid"""
EVERY_MESSAGE = "SELECT uid, modseq, flags, size, letter_no FROM message WHERE account_id = $1 AND mailbox_id = $2"
MAYBE_DELETED = EVERY_MESSAGE + " AND flags LIKE '%Deleted%'"
DELETE_MESSAGES = "DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2"
LETTERS_IN = "SELECT DISTINCT letter_no FROM message WHERE account_id = $1 AND mailbox_id = $2"
END_LETTERS = """DELETE FROM letter WHERE letter_no IN ({letters})
    AND NOT EXISTS (SELECT 1 FROM message WHERE message.letter_no = letter.letter_no)"""

STORED = """SELECT m.uid, m.modseq, m.flags, l.received_at, m.saved_at, l.prefix, b.hash, b.size, l.email, l.thread,
    l.envelope, l.structure, l.message_id, l.subject, l.preview, l.sent_at{more}
    FROM message m JOIN letter l ON l.letter_no = m.letter_no JOIN blob b ON b.blob_no = l.blob_no"""
QUARANTINED = (
    STORED.replace("{more}", ", m.account_id, m.mailbox_id")
    + """ JOIN mailbox q ON q.account_id = m.account_id AND q.mailbox_id = m.mailbox_id
    WHERE q.role = 'QUARANTINE' AND (m.account_id > $1 OR (m.account_id = $1 AND m.uid > $2)) AND m.account_id <= $3
    ORDER BY m.account_id, m.uid LIMIT $4"""
)
"""From behind ($1, $2), of accounts up to $3; one quarantine an account, so the UID orders it."""

# -- who we are ------------------------------------------------------------------------------

DOMAINS = "SELECT name, catch_all, created_at FROM domain ORDER BY name"
ANY_ACCOUNTS = """SELECT a.account_id, a.address, a.name, a.verifiers, t.quota, t.used, a.admin, a.enabled, a.created_at
    FROM account a JOIN tally t ON t.account_id = a.account_id"""
ACCOUNTS = ANY_ACCOUNTS + " ORDER BY a.address"
ACCOUNT_PAGE = ANY_ACCOUNTS + " WHERE a.account_id > $1 ORDER BY a.account_id LIMIT $2"
ACCOUNTS_BY_DOMAIN = ANY_ACCOUNTS + " WHERE (a.domain, a.address) > ($1, $2) ORDER BY a.domain, a.address LIMIT $3"
ACCOUNTS_OF_DOMAINS = "SELECT domain, count(*) FROM account GROUP BY domain"
ONE_ACCOUNT = ANY_ACCOUNTS + " WHERE a.account_id = $1"
ANY_ALIASES = "SELECT address, targets, created_at FROM alias"
ALIASES = ANY_ALIASES + " ORDER BY address"
ALIAS_PAGE = ANY_ALIASES + " WHERE address > $1 ORDER BY address LIMIT $2"
ALIASES_BY_DOMAIN = ANY_ALIASES + " WHERE (domain, address) > ($1, $2) ORDER BY domain, address LIMIT $3"
ALIASES_OF_DOMAINS = "SELECT domain, count(*) FROM alias GROUP BY domain"
ALIASES_LIKE = ANY_ALIASES + " WHERE targets LIKE $1 ESCAPE '!' ORDER BY domain, address"
ONE_ALIAS = ANY_ALIASES + " WHERE address = $1"
TURNS = "SELECT key, value FROM note WHERE kind = $1 AND key > $2 ORDER BY key"
FORGET_TURNS = "DELETE FROM note WHERE kind = $1 AND key <= $2"
PUT_DOMAIN = """INSERT INTO domain (name, catch_all, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET catch_all = excluded.catch_all"""
DOMAIN_EXISTS = "SELECT 1 FROM domain WHERE name = $1"
DOMAIN_USERS = """SELECT address FROM account WHERE domain = $1
    UNION ALL SELECT address FROM alias WHERE domain = $1 LIMIT 1"""
REMOVE_DOMAIN = "DELETE FROM domain WHERE name = $1"
ACCOUNTS_MADE = "accounts.made"
"""The thing that says the highest number that an account ever had, where numbers follow each other."""
ADDRESS_TAKEN = "SELECT 1 FROM account WHERE address = $1 UNION ALL SELECT 1 FROM alias WHERE address = $1"
ACCOUNT_ADDRESS = "SELECT 1 FROM account WHERE address = $1"
ADD_ACCOUNT = """INSERT INTO account (account_id, address, domain, name, verifiers, admin, enabled, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7)"""
READ_ACCOUNT = "SELECT name, verifiers, admin, enabled FROM account WHERE account_id = $1"
CHANGE_ACCOUNT = "UPDATE account SET name = $2, verifiers = $3, admin = $4, enabled = $5 WHERE account_id = $1"
PUT_ALIAS = """INSERT INTO alias (address, domain, targets, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (address) DO UPDATE SET targets = excluded.targets"""
REMOVE_ALIAS = "DELETE FROM alias WHERE address = $1 RETURNING address"
REMOVE_ACCOUNT = (
    "DELETE FROM letter WHERE letter_no IN (SELECT letter_no FROM message WHERE account_id = $1)",
    "DELETE FROM message WHERE account_id = $1",
    "DELETE FROM change WHERE account_id = $1",
    "DELETE FROM thread WHERE account_id = $1",
    "DELETE FROM subscription WHERE account_id = $1",
    "DELETE FROM mailbox WHERE account_id = $1",
    "DELETE FROM tally WHERE account_id = $1",
    "DELETE FROM account WHERE account_id = $1",
)
"""Each by a key: letters are found by their messages; what was delivered to it is forgotten when its time is over."""
ACCOUNT_BLOBS_MAY_BE_ORPHANS = """INSERT INTO orphan (blob_no) SELECT DISTINCT blob_no FROM letter
    WHERE letter_no IN (SELECT letter_no FROM message WHERE account_id = $1) ON CONFLICT (blob_no) DO NOTHING"""

# -- for operators ------------------------------------------------------------------------------

BACKLOG = """SELECT coalesce(sum(CASE WHEN state = 0 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN state = 0 AND due_at <= $1 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN state = 0 AND owner IS NOT NULL AND due_at > $1 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0) FROM item"""
OLDEST_DUE = "SELECT min(due_at) FROM item WHERE state = 0 AND due_at <= $1"
OWNERS = """SELECT owner, count(*) FROM item WHERE state = 0 AND owner IS NOT NULL AND due_at > $1
    GROUP BY owner ORDER BY owner LIMIT $2"""
LEASES = "SELECT name, owner, token, until FROM lease ORDER BY name"

# -- ledger and things ------------------------------------------------------------------------

RECORD = "SELECT record FROM ledger WHERE trace = $1"
LATEST_TRACE = "SELECT trace FROM ledger WHERE length(trace) = 12 ORDER BY trace DESC LIMIT 1"
"""Of those that ``lib.ports.Ids`` gives: offices make longer ones of them, and a digest that begins with a ``w``."""
RECORDS = "SELECT trace, at, record FROM ledger WHERE at >= $1 ORDER BY at DESC, trace DESC LIMIT $2"
ADD_FATE = """INSERT INTO fate (trace, item_no, record) SELECT $1, $2, $3
    WHERE EXISTS (SELECT 1 FROM ledger WHERE trace = $1) ON CONFLICT (trace, item_no) DO NOTHING"""
FATES = "SELECT record FROM fate WHERE trace = $1 ORDER BY item_no"
GET_THING = "SELECT value FROM thing WHERE name = $1"
PUT_THING = """INSERT INTO thing (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
PUT_ABSENT_THING = "INSERT INTO thing (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"

# -- bodies in object storage ---------------------------------------------------------------------

ADD_BODY = "INSERT INTO body (object, blob_no) VALUES ($1, $2)"
BODY_OF = "SELECT object FROM body WHERE blob_no = $1"
END_BODY = "DELETE FROM body WHERE blob_no = $1 RETURNING object"
TRASH_BODY = """INSERT INTO body_trash (object, delete_after) VALUES ($1, $2)
    ON CONFLICT (object) DO NOTHING"""
DUE_TRASH = "SELECT object FROM body_trash WHERE delete_after <= $1 ORDER BY object LIMIT $2"
END_TRASH = "DELETE FROM body_trash WHERE object = $1"
BODY_NEEDED = "SELECT 1 FROM body WHERE object = $1"

# -- shelves, leases, allotments ----------------------------------------------------------------

PUT_NOTE = """INSERT INTO note (kind, key, value, at, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, at = excluded.at, expires_at = excluded.expires_at"""
LIVE_NOTES = """SELECT kind, key, value, at, expires_at FROM note
    WHERE kind = $1 AND (expires_at = 0 OR expires_at > $2)"""
NOTES = LIVE_NOTES + " AND key IN ({keys}) ORDER BY key"
"""``{keys}`` stands for the list of them, argument $3."""
LIST_NOTES = LIVE_NOTES + " AND key > $3 AND key >= $4 AND key < $5 ORDER BY key LIMIT $6"
DROP_NOTES = "DELETE FROM note WHERE kind = $1 AND key IN ({keys})"
"""``{keys}``: argument $2."""
OLD_NOTES = "DELETE FROM note WHERE expires_at > 0 AND expires_at <= $1"
ADD_SCORE = """INSERT INTO score (kind, key, a, b, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, key) DO UPDATE SET a = score.a + excluded.a, b = score.b + excluded.b, at = excluded.at"""
SCORES = "SELECT kind, key, a, b, at FROM score WHERE kind = $1 AND key IN ({keys}) ORDER BY key"
LIST_SCORES = """SELECT kind, key, a, b, at FROM score
    WHERE kind = $1 AND key > $2 AND key >= $3 AND key < $4 ORDER BY key LIMIT $5"""
DROP_SCORES = "DELETE FROM score WHERE kind = $1 AND key IN ({keys})"

TAKE_LEASE = """INSERT INTO lease (name, owner, token, until) VALUES ($1, $2, 1, $4)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until,
    token = lease.token + CASE WHEN lease.owner = excluded.owner AND lease.until > $3 THEN 0 ELSE 1 END
    WHERE lease.owner = excluded.owner OR lease.until <= $3 RETURNING token"""
"""No row: it is somebody else's."""
READ_RATE = "SELECT ends, used FROM rate WHERE key = $1"
WRITE_RATE = """INSERT INTO rate (key, ends, used) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET ends = excluded.ends, used = excluded.used"""
OLD_RATES = "DELETE FROM rate WHERE ends <= $1"

# -- housekeeping ------------------------------------------------------------------------------

ORPHANS = """SELECT o.blob_no, b.hash, b.octets IS NULL FROM orphan o JOIN blob b ON b.blob_no = o.blob_no
    WHERE o.blob_no > $1 ORDER BY o.blob_no LIMIT $2"""
END_BLOB = """DELETE FROM blob WHERE blob_no = $1
    AND NOT EXISTS (SELECT 1 FROM letter WHERE letter.blob_no = $1)
    AND NOT EXISTS (SELECT 1 FROM posting WHERE posting.blob_no = $1)"""
END_ORPHAN = "DELETE FROM orphan WHERE blob_no = $1"
OLD_LEDGER = "DELETE FROM ledger WHERE trace IN (SELECT trace FROM ledger WHERE at < $1 ORDER BY at LIMIT $2)"
OLD_FATES = "DELETE FROM fate WHERE trace IN (SELECT trace FROM ledger WHERE at < $1 ORDER BY at LIMIT $2)"
OLD_DELIVERED = "SELECT delivery, account_id FROM delivered WHERE at < $1 LIMIT $2"
END_DELIVERED = "DELETE FROM delivered WHERE delivery = $1 AND account_id = $2"
OLD_TOMBS = "SELECT account_id, mailbox_id, max(modseq) FROM change WHERE gone = 1 AND at < $1 GROUP BY 1, 2"
PRUNE_TOMBS = """DELETE FROM change WHERE account_id = $1 AND mailbox_id = $2 AND gone = 1 AND modseq <= $3"""
MARK_PRUNED = "UPDATE mailbox SET pruned = $3 WHERE account_id = $1 AND mailbox_id = $2 AND pruned < $3"
