"""One signed message sent again and again to people it does not name: its signature stops speaking for it (threat D05).

Whoever gets a single message signed by a large provider can send it to
everybody, and it verifies each time. Honest copies to many who are not named
are those of mailing lists and of forwarders who seal (ARC). A list that has
signed its own name (List-Id) is not counted; what only says that it is one, or
that somebody sealed it, may come more often, for whoever replays can say so
too. All nodes count together (``filter.sharing``): the counters stand in no
store, because that would be a write for every message of a stranger.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from posthouse.admd.limits import Limits
from posthouse.filter.allowance import HOUR, Allowance
from posthouse.filter.evidence import Evidence
from posthouse.lib.ports import Clock
from posthouse.mail.envelope import Recipient
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.dkim.verify import Result as DkimResult
from posthouse.standards.imf.header import Header

FEW = 4
"""Recipients that are looked for in the text itself; for more it is cut into words once."""
LISTED_TIMES = 20
"""So many times as often: about a list's subscribers in a house of a thousand."""
_LISTS = frozenset({"list-id", "list-unsubscribe"})
_BETWEEN = re.compile(rb"[\s<>,;:()]+")


class Replays:
    """Counts how often each signature came for people that its message does not name."""

    __slots__ = ("_seen",)

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._seen: Allowance[str] = Allowance(limits.replays_hour, HOUR, clock)

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; a rule that did not change keeps what was counted."""
        self._seen.change(limits.replays_hour, HOUR)

    @property
    def allowances(self) -> dict[str, Allowance[Any]]:
        """By the names under which nodes tell each other of them."""
        return {"replays": self._seen}

    def is_replay(self, evidence: Evidence, header: Header, recipients: Sequence[Recipient]) -> bool:
        """Whether a signature of this message has now come too often; counted for each recipient."""
        listed = _LISTS.intersection(header.names)
        signatures = [
            one.signature
            for one in evidence.dkim
            if one.result is DkimResult.PASS and (not listed or listed.isdisjoint(one.headers))
        ]
        if not signatures:
            return False
        strangers: float = count_strangers(recipients, header)
        if not strangers:
            return False
        if listed or evidence.arc.status is ArcStatus.PASS:
            strangers /= LISTED_TIMES
        counted = [self._seen.take(_name(one), strangers) for one in signatures]  # each, also after one is spent
        return not all(counted)


def count_strangers(recipients: Sequence[Recipient], header: Header) -> int:
    """How many of them neither To nor Cc has; a look at the octets is enough, they are signed."""
    text = b",".join([*header.all("to"), *header.all("cc")]).lower()
    named: bytes | frozenset[bytes] = text if len(recipients) <= FEW else frozenset(_BETWEEN.split(text))
    return sum([str(one.address).lower().encode("utf-8") not in named for one in recipients])


def _name(signature: bytes) -> str:
    """What tells it from others, as one node says it to another (RFC 6008)."""
    return b64encode(signature[:24]).decode()
