"""The life of a DKIM key: made, published, active, retiring, removed (RFC 6376 sections 3.6.1 and 6.1.2).

A key signs only after its record was seen in the DNS (or an operator said so),
and stays published while somebody may still verify what it signed. So neither
an update of the DNS that nobody made nor a rotation ever breaks a signature.

Everything here is a value or a rule; ``admd.keyring`` keeps and applies them.
Times are integer milliseconds since 1970.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import chain, count
from typing import Final

import msgspec

from posthouse.standards.dkim.signature import key_name
from posthouse.standards.dkim.tags import parse_tags, without_space

DAY: Final = 86_400_000
ROTATE_DAYS: Final = 90
OVERLAP_DAYS: Final = 14
"""Longer than a message waits in a queue and than its signature holds (five days each)."""
SETTLE_SECONDS: Final = 3600
"""Between the first sight of a record and its use: by then all name servers of the zone have it."""
SIGNATURE_SECONDS: Final = 5 * 86400
"""``x=``: as long as a message is tried, not longer, so that a replay ends (threat D05)."""
REMEMBERED_DAYS: Final = 180
"""How long ``posthouse dns check`` still asks to delete the record of a removed key."""
KINDS: Final = ("rsa", "ed25519")


class State(Enum):
    MADE = "made"
    """Its record is to be published; not seen yet."""
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    """Signs no more; must stay published."""
    REMOVED = "removed"
    """The private half is gone; the record may be deleted."""


class KeyRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key as it is kept. ``sealed`` is the private half, PKCS #8 in the vault's seal."""

    domain: str
    selector: str
    kind: str
    state: State
    record: str
    """The text of the TXT record, whole."""
    made_at: int
    sealed: bytes = b""
    published_at: int = 0
    active_at: int = 0
    retiring_at: int = 0
    removed_at: int = 0

    @property
    def name(self) -> str:
        """Where the record is published."""
        return key_name(self.domain, self.selector)

    @property
    def about(self) -> str:
        """What the seal is bound to: neither another domain nor another selector opens it (threat A08)."""
        return f"DKIM key {self.selector} of {self.domain}"

    @property
    def is_to_be_published(self) -> bool:
        return self.state is not State.REMOVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``[dkim]`` of the configuration, in milliseconds."""

    rotate: int = ROTATE_DAYS * DAY
    overlap: int = OVERLAP_DAYS * DAY
    settle: int = SETTLE_SECONDS * 1000
    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        if self.overlap < SIGNATURE_SECONDS * 1000:
            raise ValueError(f"a key must stay published {SIGNATURE_SECONDS // 86400} days after its last signature")
        if self.rotate <= self.settle:
            raise ValueError("keys would be rotated before they are in use")


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done now for one domain: rows that changed, and kinds of which a key is to be made."""

    changed: tuple[KeyRow, ...]
    wanted: tuple[str, ...]


def advance(rows: Collection[KeyRow], now: int, policy: Policy, seen: Collection[str] = ()) -> Step:
    """The next step in the lives of one domain's keys. ``seen``: selectors whose record the DNS shows.

    Asked again with its own result it changes nothing: a crash between two steps loses nothing.
    """
    lives = {row.selector: _one_step(row, now, policy, seen) for row in rows}
    for kind in dict.fromkeys(row.kind for row in rows):
        among = [row for row in lives.values() if row.kind == kind]
        lives |= {row.selector: row for row in _succeed(among, now, policy)}
    before = {row.selector: row for row in rows}
    changed = tuple(row for selector, row in lives.items() if row is not before[selector])
    wanted = tuple(kind for kind in policy.kinds if _is_wanted(kind, lives.values(), now, policy))
    return Step(changed, wanted)


def activate(rows: Collection[KeyRow], chosen: Collection[str], now: int) -> tuple[KeyRow, ...]:
    """The operator's word: ``chosen`` selectors sign from now on, and their predecessors retire."""
    changed: dict[str, KeyRow] = {}
    for row in rows:
        if row.selector in chosen and row.sealed and row.state in {State.MADE, State.PUBLISHED, State.RETIRING}:
            published_at = row.published_at or now
            changed[row.selector] = msgspec.structs.replace(
                row, state=State.ACTIVE, active_at=now, published_at=published_at, retiring_at=0
            )
    kinds = {row.kind for row in changed.values()}
    for row in rows:
        if row.state is State.ACTIVE and row.kind in kinds and row.selector not in chosen:
            changed[row.selector] = retire(row, now)
    return tuple(changed.values())


def retire(row: KeyRow, now: int) -> KeyRow:
    """It signs no more. One that never signed need not stay."""
    if row.state is State.ACTIVE:
        return msgspec.structs.replace(row, state=State.RETIRING, retiring_at=now)
    return remove(row, now) if row.state in {State.MADE, State.PUBLISHED} else row


def remove(row: KeyRow, now: int) -> KeyRow:
    """Its private half is forgotten."""
    return msgspec.structs.replace(row, state=State.REMOVED, sealed=b"", removed_at=now)


def _one_step(row: KeyRow, now: int, policy: Policy, seen: Collection[str]) -> KeyRow:
    if row.state is State.MADE and row.selector in seen:
        return msgspec.structs.replace(row, state=State.PUBLISHED, published_at=now)
    if row.state is State.RETIRING and now - row.retiring_at >= policy.overlap:
        return remove(row, now)
    return row


def _succeed(among: Sequence[KeyRow], now: int, policy: Policy) -> tuple[KeyRow, ...]:
    """Keys of one kind: whose turn it is. More than one active key is what an interrupted step left."""
    active = sorted((row for row in among if row.state is State.ACTIVE), key=lambda row: (row.active_at, row.selector))
    published = [row for row in among if row.state is State.PUBLISHED]
    ready = [row for row in published if not active or now - row.published_at >= policy.settle]
    if ready:
        latest = max(ready, key=lambda row: (row.made_at, row.selector))
        return activate(among, {latest.selector}, now)
    return tuple(retire(row, now) for row in active[:-1])


def _is_wanted(kind: str, rows: Collection[KeyRow], now: int, policy: Policy) -> bool:
    """No key that signs, or it is old, and no successor waits already."""
    among = [row for row in rows if row.kind == kind]
    if any(row.state in {State.MADE, State.PUBLISHED} for row in among):
        return False
    return all(now - row.active_at >= policy.rotate for row in among if row.state is State.ACTIVE)


def new_selector(kind: str, taken: Collection[str], now: int) -> str:
    """A selector that no key of the domain has or had: its first letter is the kind's, then the day."""
    day = f"{kind[0]}{datetime.fromtimestamp(now / 1000, UTC):%Y%m%d}"
    more = (f"{day}-{number}" for number in count(2))
    return next(name for name in chain((day,), more) if name not in taken)


def shows(records: Sequence[bytes], row: KeyRow) -> bool:
    """Whether the DNS has exactly the record of ``row``, however its text is laid out."""
    return len(records) == 1 and published_key(records[0]) == published_key(row.record.encode())


def published_key(record: bytes) -> Mapping[str, str]:
    """What counts of a key record (RFC 6376 section 3.6.1); empty for what is none."""
    try:
        tags = parse_tags(record.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return {"k": tags.get("k", "rsa").lower(), "p": without_space(tags.get("p", ""))}


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(KeyRow).decode


def format_row(row: KeyRow) -> bytes:
    return _ENCODE(row)


def parse_row(octets: bytes) -> KeyRow:
    """Raises ``msgspec.MsgspecError`` for what is no row of ours."""
    return _DECODE(octets)
