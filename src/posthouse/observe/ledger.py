"""The decision ledger: one record for every message and every refusal, found by its trace id.

A record is one JSON object with stable keys, so that ``posthouse explain``,
the console and tools outside read the same thing.
"""

import msgspec


class Record(msgspec.Struct, omit_defaults=True, rename={"sender": "from", "recipients": "to"}):
    """What was decided, about whom, and why. ``at`` is in milliseconds since 1970.

    Not frozen: who is served is found out last, and a second record is not made for it.
    """

    id: str
    at: int
    door: str
    verdict: str
    """``accepted``, ``refused`` or ``deferred``."""
    reply: str = ""
    peer: str = ""
    helo: str = ""
    tls: str = ""
    auth: str = ""
    sender: str = ""
    """The reverse-path without brackets; empty also for the null one."""
    recipients: tuple[str, ...] = ()
    size: int = 0
    stored: tuple[str, ...] = ()
    """The addresses of ours it was to be filed for; one that had no room has a record of its own refusal."""
    queued: tuple[str, ...] = ()
    """The addresses elsewhere it is carried to."""
    lost: tuple[str, ...] = ()
    """The addresses that an alias of ours led to and that nobody has, each with its reply."""
    limit: str = ""
    """The number of the limit that fired, if one did."""
    message_id: str = ""
    action: str = ""
    """What the boundary filter made of it (``filter.action``), if not ``accept``."""
    score: float = 0.0
    reasons: tuple[str, ...] = ()
    """Each ground with its name before the colon."""
    results: tuple[str, ...] = ()
    """What SPF, DKIM, DMARC and ARC found."""
    override: str = ""
    """Why a DMARC policy was not followed, in a word of RFC 9990."""
    display: str = ""
    """Who sent it, as its readers are told: ``verified DOMAIN``, ``via DOMAIN``, ``unverified`` or ``forged``."""
    flags: tuple[str, ...] = ()
    """What its readers are warned of."""
    signed: str = ""
    """The domain of ours that signed it (DKIM)."""


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one recipient that was queued, and who said so. ``at`` is in milliseconds since 1970."""

    to: str
    at: int
    outcome: str
    """``relayed``, ``delivered``, ``failed``; ``dropped`` or ``returned`` by an operator."""
    host: str = ""
    reply: str = ""
    tries: int = 0


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Record).decode
_DECODE_ENDING = msgspec.json.Decoder(Ending).decode


def format_record(record: Record) -> bytes:
    return _ENCODE(record)


def format_ending(ending: Ending) -> bytes:
    return _ENCODE(ending)


def parse_ending(octets: bytes) -> Ending:
    """Raises ``msgspec.MsgspecError`` for what is no ending of ours."""
    return _DECODE_ENDING(octets)


def parse_record(octets: bytes) -> Record:
    """Raises ``msgspec.MsgspecError`` for what is not a record of ours."""
    return _DECODE(octets)
