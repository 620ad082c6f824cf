"""What became of one recipient. Expected failures are values, never exceptions."""

from dataclasses import dataclass

from posthouse.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Delivered:
    """Filed in a mailbox of ours: the end of the road."""

    where: str = ""


@dataclass(frozen=True, slots=True)
class Relayed:
    """Another server said 250 and has it now. ``speaks_dsn``: it will report by itself (RFC 3461 section 5.2.2)."""

    host: str
    reply: Reply
    speaks_dsn: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: try again. ``host`` is empty when no server was reached."""

    reply: Reply
    host: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Never: tell the sender."""

    reply: Reply
    host: str = ""


Outcome = Delivered | Relayed | Deferred | Failed
