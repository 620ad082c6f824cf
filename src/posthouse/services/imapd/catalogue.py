"""Mailboxes as a whole: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 section 6.3)."""

from collections.abc import Iterator, Sequence

from posthouse.ms.folders import MOST_MAILBOXES, find_mailbox, names_with_children
from posthouse.services.imapd.session import Answer, Session, enable_condstore
from posthouse.standards.imap import events
from posthouse.standards.imap.patterns import Pattern
from posthouse.standards.imap.responses import Condition, Listed, Response, StatusOf, Tagged
from posthouse.storage.errors import Conflict
from posthouse.storage.mailbox import Mailbox, Role

OK, NO = Condition.OK, Condition.NO

USES = {
    Role.DRAFTS: "\\Drafts",
    Role.SENT: "\\Sent",
    Role.TRASH: "\\Trash",
    Role.JUNK: "\\Junk",
    Role.ARCHIVE: "\\Archive",
}
"""RFC 6154 section 2."""
ROLES = {use.lower(): role for role, use in USES.items()}


async def list_mailboxes(session: Session, event: events.List) -> Answer:
    """LIST with everything that RFC 5258, 5819 and 6154 add; LSUB."""
    if not event.patterns and not event.extended:
        yield Listed("", ("\\Noselect",), lsub=event.lsub)
        yield Tagged(event.tag, OK, "Done")
        return
    mailboxes = await session.store.mailboxes(session.owner)
    asks = event.lsub or "SUBSCRIBED" in event.selection or "SUBSCRIBED" in event.returns
    subscribed = frozenset(await session.store.subscriptions(session.owner)) if asks else frozenset[str]()
    patterns = [Pattern(pattern) for pattern in event.patterns]
    if event.lsub:
        found = _lsub(mailboxes, subscribed, patterns)
    else:
        found = _Listing(event, mailboxes, subscribed, patterns, session.append_octets).responses()
    for response in found:
        yield response
    yield Tagged(event.tag, OK, "Done")


def _matches(patterns: Sequence[Pattern], name: str) -> bool:
    return any(pattern.matches(name) for pattern in patterns)


def _lsub(mailboxes: Sequence[Mailbox], subscribed: frozenset[str], patterns: Sequence[Pattern]) -> Iterator[Response]:
    """RFC 3501 section 6.3.9: a parent of subscribed names stands for them where ``%`` stops above them."""
    known = {mailbox.name: mailbox for mailbox in mailboxes}
    parents = names_with_children(subscribed)
    spoken_for = names_with_children(name for name in subscribed if _matches(patterns, name))
    for name in sorted(subscribed | parents):
        if not _matches(patterns, name):
            continue
        if name in subscribed:
            mailbox = known.get(name)
            yield Listed(name, _use(mailbox) if mailbox is not None else ("\\Noselect",), lsub=True)
        elif name not in spoken_for:
            yield Listed(name, ("\\Noselect",), lsub=True)


def _use(mailbox: Mailbox) -> tuple[str, ...]:
    use = USES.get(mailbox.role) if mailbox.role is not None else None
    return (use,) if use is not None else ()


class _Listing:
    """One LIST command against one account's mailboxes."""

    __slots__ = (
        "_append_octets",
        "_by_child",
        "_event",
        "_known",
        "_parents",
        "_patterns",
        "_stands_for",
        "_subscribed",
    )

    def __init__(
        self,
        event: events.List,
        mailboxes: Sequence[Mailbox],
        subscribed: frozenset[str],
        patterns: Sequence[Pattern],
        append_octets: int,
    ) -> None:
        self._append_octets = append_octets
        self._event = event
        self._known = {mailbox.name: mailbox for mailbox in mailboxes}
        self._subscribed = subscribed
        self._patterns = patterns
        self._parents = names_with_children(self._known)
        chosen = [*filter(self._selected, self._names())] if "RECURSIVEMATCH" in event.selection else []
        self._by_child = names_with_children(chosen)
        self._stands_for = names_with_children(name for name in chosen if not _matches(patterns, name))
        """What is listed only because of a child below that is not listed itself (RFC 5258 section 3.5)."""

    def _names(self) -> set[str]:
        names = set(self._known) | self._parents
        if "SUBSCRIBED" not in self._event.selection:
            return names
        names |= self._subscribed
        return names | names_with_children(self._subscribed) if "RECURSIVEMATCH" in self._event.selection else names

    def _selected(self, name: str) -> bool:
        """RFC 5258 section 3.1: every selection option must hold."""
        if "SUBSCRIBED" in self._event.selection and name not in self._subscribed:
            return False
        mailbox = self._known.get(name)
        return "SPECIAL-USE" not in self._event.selection or (mailbox is not None and bool(_use(mailbox)))

    def responses(self) -> Iterator[Response]:
        for name in sorted(self._names()):
            if not (self._selected(name) or name in self._stands_for) or not _matches(self._patterns, name):
                continue
            yield Listed(name, self._attributes(name), child_info=("SUBSCRIBED",) if name in self._by_child else ())
            mailbox = self._known.get(name)
            if self._event.status and mailbox is not None:
                yield status_of(mailbox, self._event.status, self._append_octets)

    def _attributes(self, name: str) -> tuple[str, ...]:
        mailbox = self._known.get(name)
        found = ["\\HasChildren" if name in self._parents else "\\HasNoChildren"]
        if mailbox is None:
            found[:0] = ["\\NonExistent"] if self._event.extended else ["\\Noselect"]
        else:
            found += _use(mailbox)
        if name in self._subscribed:
            found.append("\\Subscribed")
        return tuple(found)


def status_of(mailbox: Mailbox, items: Sequence[str], append_octets: int) -> StatusOf:
    """STATUS of one mailbox (RFC 9051 section 6.3.11): no message is looked at."""
    known: dict[str, int | str] = {
        "MESSAGES": mailbox.messages,
        "RECENT": 0,
        "UIDNEXT": mailbox.uidnext,
        "UIDVALIDITY": mailbox.uidvalidity,
        "UNSEEN": mailbox.unseen,
        "DELETED": mailbox.deleted,
        "SIZE": mailbox.size,
        "HIGHESTMODSEQ": max(1, mailbox.modseq),
        "MAILBOXID": f"({identity(mailbox)})",
        "APPENDLIMIT": append_octets,  # RFC 7889 section 3
    }
    return StatusOf(mailbox.name, tuple((item, known[item]) for item in items if item in known))


def identity(mailbox: Mailbox) -> str:
    """MAILBOXID (RFC 8474 section 4)."""
    return f"F{mailbox.mailbox}"


async def status(session: Session, event: events.Status) -> Answer:
    mailbox = find_mailbox(await session.store.mailboxes(session.owner), event.mailbox)
    if mailbox is None:
        yield Tagged(event.tag, NO, "No such mailbox", "NONEXISTENT")
        return
    if "HIGHESTMODSEQ" in event.items:
        for response in enable_condstore(session):
            yield response
    yield status_of(mailbox, event.items, session.append_octets)
    yield Tagged(event.tag, OK, "Done")


async def create(session: Session, event: events.Create) -> Answer:
    mailboxes = await session.store.mailboxes(session.owner)
    if find_mailbox(mailboxes, event.mailbox) is not None:
        yield Tagged(event.tag, NO, "It exists already", "ALREADYEXISTS")
        return
    if len(mailboxes) >= MOST_MAILBOXES:
        yield Tagged(event.tag, NO, "Too many mailboxes", "LIMIT")
        return
    roles = [ROLES.get(use.lower()) for use in event.uses]
    taken = {mailbox.role for mailbox in mailboxes}
    if len(roles) > 1 or any(role is None or role in taken for role in roles):
        yield Tagged(event.tag, NO, "No mailbox can be made for this use", "USEATTR")
        return
    made = await session.store.create_mailbox(session.owner, event.mailbox, roles[0] if roles else None)
    yield Tagged(event.tag, OK, "Made", f"MAILBOXID ({identity(made)})")


async def delete(session: Session, event: events.Delete) -> Answer:
    if event.mailbox == "INBOX":
        yield Tagged(event.tag, NO, "INBOX stays", "CANNOT")
        return
    mailbox = find_mailbox(await session.store.mailboxes(session.owner), event.mailbox)
    if mailbox is None:
        yield Tagged(event.tag, NO, "No such mailbox", "NONEXISTENT")
        return
    if session.selected is not None and session.selected.mailbox == mailbox.mailbox:
        yield Tagged(event.tag, NO, "It is selected", "INUSE")
        return
    await session.store.delete_mailbox(session.owner, mailbox.mailbox)
    yield Tagged(event.tag, OK, "Gone")


async def rename(session: Session, event: events.Rename) -> Answer:
    mailboxes = await session.store.mailboxes(session.owner)
    mailbox = find_mailbox(mailboxes, event.mailbox)
    is_parent = mailbox is None and event.mailbox in names_with_children(one.name for one in mailboxes)
    if mailbox is None and not is_parent:
        yield Tagged(event.tag, NO, "No such mailbox", "NONEXISTENT")
    elif find_mailbox(mailboxes, event.target) is not None:
        yield Tagged(event.tag, NO, "The new name is taken", "ALREADYEXISTS")
    elif event.target.startswith(event.mailbox + "/"):
        yield Tagged(event.tag, NO, "A mailbox cannot go below itself", "CANNOT")
    elif mailbox is None:  # a name that only stands above others (RFC 9051 section 6.3.6): it is one, then they follow
        mailbox = await session.store.create_mailbox(session.owner, event.mailbox)
        await session.store.rename_mailbox(session.owner, mailbox.mailbox, event.target)
        yield Tagged(event.tag, OK, "Renamed")
    elif mailbox.name == "INBOX":
        await session.store.rename_mailbox(session.owner, mailbox.mailbox, event.target)
        yield Tagged(event.tag, OK, "Moved")  # the messages, in one unit; INBOX stays (RFC 9051 section 6.3.6)
    else:
        await session.store.rename_mailbox(session.owner, mailbox.mailbox, event.target)
        yield Tagged(event.tag, OK, "Renamed")


async def subscribe(session: Session, event: events.Subscribe | events.Unsubscribe) -> Answer:
    """Any name may be subscribed to (RFC 9051 section 6.3.7), but not without end."""
    wanted = isinstance(event, events.Subscribe)
    if wanted and len(await session.store.subscriptions(session.owner)) >= MOST_MAILBOXES:
        raise Conflict("too many subscriptions")
    await session.store.subscribe(session.owner, event.mailbox, wanted)
    yield Tagged(event.tag, OK, "Done")
