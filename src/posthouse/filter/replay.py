"""One signed message sent again and again to people it does not name: its signature stops speaking for it (threat D05).

Whoever gets a single message signed by a large provider can send it to
everybody, and it verifies each time. Honest copies to many who are not named
are those of mailing lists, which say so, and of forwarders who seal (ARC).
"""

from collections.abc import Sequence

from posthouse.admd.limits import Limits
from posthouse.filter.allowance import HOUR, Allowance
from posthouse.filter.evidence import Evidence
from posthouse.lib.ports import Clock
from posthouse.mail.envelope import Recipient
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.dkim.verify import Result as DkimResult
from posthouse.standards.imf.header import Header

_LISTS = frozenset({"list-id", "list-unsubscribe"})


class Replays:
    """Counts how often each signature came for people that its message does not name."""

    __slots__ = ("_seen",)

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._seen: Allowance[bytes] = Allowance(limits.replays_hour, HOUR, clock)

    def is_replay(self, evidence: Evidence, header: Header, recipients: Sequence[Recipient]) -> bool:
        """Whether a signature of this message has now come too often; counted for each recipient."""
        signatures = [one.signature for one in evidence.dkim if one.result is DkimResult.PASS]
        if not signatures or evidence.arc.status is ArcStatus.PASS or not _LISTS.isdisjoint(header.names):
            return False
        strangers = sum([not is_named(one, header) for one in recipients])
        if not strangers:
            return False
        counted = [self._seen.take(signature, strangers) for signature in signatures]  # each, also after one is spent
        return not all(counted)


def is_named(recipient: Recipient, header: Header) -> bool:
    """Whether To or Cc has the address; a look at the octets is enough, they are signed."""
    address = str(recipient.address).lower().encode("utf-8")
    return any(address in value.lower() for name in ("to", "cc") for value in header.all(name))
