"""What became of one recipient. Expected failures are values, never exceptions."""

import msgspec

from posthouse.mail.reply import Reply


class Delivered(msgspec.Struct, frozen=True):
    """Filed in a mailbox of ours: the end of the road."""

    where: str = ""


class Relayed(msgspec.Struct, frozen=True):
    """Another server said 250 and has it now. ``speaks_dsn``: it will report by itself (RFC 3461 section 5.2.2)."""

    host: str
    reply: Reply
    speaks_dsn: bool = False


class Deferred(msgspec.Struct, frozen=True):
    """Not now: try again. ``host`` is empty when no server was reached."""

    reply: Reply
    host: str = ""


class Failed(msgspec.Struct, frozen=True):
    """Never: tell the sender."""

    reply: Reply
    host: str = ""


Outcome = Delivered | Relayed | Deferred | Failed
