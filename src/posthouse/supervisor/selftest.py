"""Whether the wired house relays for strangers: asked of itself at each start and before each reload (threat A01).

The doors' own offices are asked, as strangers would ask them, for every form in
which servers were ever talked into relaying. One yes, and we do not serve.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from posthouse.admd.directory import Directory
from posthouse.mail.address import Address
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.mta.desk import Desk
from posthouse.mta.relaying import is_own_literal
from posthouse.net.ports import Peer
from posthouse.standards.smtp.events import MailFrom, RcptTo
from posthouse.standards.smtp.parameters import Unacceptable, parse_rcpt

OURSELVES: Final = "198.51.100.1"
STRANGERS: Final = ("192.0.2.77", "203.0.113.77", "8.8.8.8", "::ffff:192.0.2.77", "2001:db8::77", "2600::77", "::1", "")
OUTSIDE: Final = "relay-test.invalid"

FORMS: Final = (
    "<victim@{there}>",
    "<victim@{there}.>",
    "<VICTIM@RELAY-TEST.INVALID>",
    "victim@{there}",
    "<victim>",
    "<victim@localhost>",
    "<victim@{host}>",
    "<victim+{here}@{there}>",
    "<postmaster@{there}>",
    "<@{here}:victim@{there}>",
    "<@{host},@{here}:victim@{there}>",
    "<@[198.51.100.1]:victim@{there}>",
    "<@{there}>",
    "<victim%{there}@{here}>",
    "<victim%{there}@[198.51.100.1]>",
    "<victim%{there}@{host}>",
    "<victim%{there}>",
    "<{there}!victim@{here}>",
    "<{there}!victim@[198.51.100.1]>",
    "<{there}!victim>",
    "<{here}!{there}!victim>",
    '<"victim@{there}"@{here}>',
    '<"victim%{there}"@{here}>',
    '<"victim@{there}">',
    '<"{there}!victim"@{here}>',
    '<victim"@{there}"@{here}>',
    "<victim@{there}@{here}>",
    "<victim@{here}@{there}>",
    "<victim@@{there}>",
    "<<victim@{there}>>",
    "<victim@{there}>,<postmaster@{here}>",
    "<[{here}]:victim@{there}>",
    "<victim @{there}>",
    "<victim@[203.0.113.9]>",
    "<postmaster@[203.0.113.9]>",
    "<victim@[IPv6:2001:db8::9]>",
    "<victim@{here}.{there}>",
    "<victim@not{here}>",
    "<victim@sub.{there}> ORCPT=rfc822;postmaster@{here} NOTIFY=NEVER",
    "<victim@{there}> XFORWARD=1",
)


class OpenRelay(Exception):
    """The house would carry strangers' mail to strangers; ``str()`` says for whom and what to do."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the test needs to know of the house."""

    directory: Directory
    hostname: str
    desks: Mapping[str, Desk]


def check_relay(ground: Ground) -> int:
    """How many ways were tried, all in vain; raises ``OpenRelay``."""
    tried = 0
    desk = ground.desks["smtp"]
    strangers = [one for one in STRANGERS if one not in desk.relay]
    if not any("." in one and ":" not in one for one in strangers) or not any(":" in one for one in strangers):
        raise OpenRelay("relay.networks hold all the strangers that we could think of: take out what is not yours")
    for stranger in strangers:
        for sender in _senders(ground):
            for recipient in _recipients(ground):
                tried += 1
                if _relays(ground, desk, stranger, sender, recipient):
                    raise OpenRelay(
                        f"a stranger at {stranger or 'no address'} who says he is <{sender or ''}> would be relayed to "
                        f"<{recipient.recipient.address}>: we do not serve as an open relay; look at [relay] first"
                    )
    _check_submission(ground)
    return tried


def _senders(ground: Ground) -> Iterable[Address | None]:
    domain = ground.directory.primary or ground.hostname
    return None, Address("somebody", OUTSIDE), Address("postmaster", domain), Address("root", "localhost")


def _recipients(ground: Ground) -> Iterable[RcptTo]:
    """Those forms that our grammar takes for an address at all."""
    here = ground.directory.primary or ground.hostname
    for form in FORMS:
        with suppress(Unacceptable):
            yield parse_rcpt("TO:" + form.format(here=here, there=OUTSIDE, host=ground.hostname), utf8=False)


def _relays(ground: Ground, desk: Desk, stranger: str, sender: Address | None, asked: RcptTo) -> bool:
    client = Client(Peer(stranger, 4711, OURSELVES, 25), desk.name, relays=stranger in desk.relay, exempt=True)
    begun = desk.office.begin(client, MailFrom(sender))
    if isinstance(begun, Reply):
        return False
    address = asked.recipient.address
    if ground.directory.is_local_domain(address.domain) or is_own_literal(address, client) or not address.domain:
        return False
    answer = desk.office.add_recipient(begun, asked.recipient)
    if isinstance(answer, Reply):
        return answer.accepted
    answer.close()  # type: ignore[attr-defined]  # something would be asked before the yes: it would be a yes
    return True


def _check_submission(ground: Ground) -> None:
    """Nobody submits without a login."""
    for name in ("submission", "submissions"):
        desk = ground.desks.get(name)
        if desk is None:
            continue
        client = Client(Peer(STRANGERS[0], 4711, OURSELVES, 587), desk.name, exempt=True)
        if not isinstance(desk.office.begin(client, MailFrom(Address("somebody", OUTSIDE))), Reply):
            raise OpenRelay(f"{name} takes mail from somebody who has not logged in: this is a bug, please report it")
