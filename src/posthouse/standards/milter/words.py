"""The octets of the milter protocol, version 6, by the names of ``libmilter/mfdef.h`` and ``mfapi.h``."""

from enum import Enum, IntFlag

VERSION = 6
OLDEST_VERSION = 2
"""Before it nothing was negotiated that we know of; version 2 is what filters of Sendmail 8.13 speak."""

BODY_OCTETS = 65535
"""Of one packet of the body (``MILTER_CHUNK_SIZE``)."""
PACKET_OCTETS = 1024 * 1024
"""The largest packet we read; a replaced body comes in many."""


class Actions(IntFlag):
    """What a filter may want to change (``SMFIF_*``)."""

    ADD_FIELDS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENT = 0x04
    DROP_RECIPIENT = 0x08
    CHANGE_FIELDS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENT_WITH_PARAMETERS = 0x80
    SET_MACROS = 0x100


class Steps(IntFlag):
    """What a filter does not want to hear (``SMFIP_NO*``), does not answer (``SMFIP_NR_*``), and what it can do."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RCPT = 0x08
    NO_BODY = 0x10
    NO_FIELDS = 0x20
    NO_END_OF_HEADER = 0x40
    SILENT_FIELDS = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REFUSED_RECIPIENTS = 0x800
    SILENT_CONNECT = 0x1000
    SILENT_HELO = 0x2000
    SILENT_MAIL = 0x4000
    SILENT_RCPT = 0x8000
    SILENT_DATA = 0x10000
    SILENT_UNKNOWN = 0x20000
    SILENT_END_OF_HEADER = 0x40000
    SILENT_BODY = 0x80000
    LEADING_SPACE = 0x100000


ALL_ACTIONS = Actions(0x1FF)
ALL_STEPS = Steps(0x1FFFFF)


class Stage(Enum):
    """What can be told (``SMFIC_*``); the value is its octet on the wire."""

    NEGOTIATE = b"O"
    CONNECT = b"C"
    HELO = b"H"
    MAIL = b"M"
    RCPT = b"R"
    DATA = b"T"
    FIELD = b"L"
    END_OF_HEADER = b"N"
    BODY = b"B"
    END_OF_BODY = b"E"
    UNKNOWN = b"U"
    ABORT = b"A"
    QUIT = b"Q"
    NEXT_CLIENT = b"K"


NOT_WANTED = {
    Stage.CONNECT: Steps.NO_CONNECT,
    Stage.HELO: Steps.NO_HELO,
    Stage.MAIL: Steps.NO_MAIL,
    Stage.RCPT: Steps.NO_RCPT,
    Stage.DATA: Steps.NO_DATA,
    Stage.FIELD: Steps.NO_FIELDS,
    Stage.END_OF_HEADER: Steps.NO_END_OF_HEADER,
    Stage.BODY: Steps.NO_BODY,
    Stage.UNKNOWN: Steps.NO_UNKNOWN,
}
NOT_ANSWERED = {
    Stage.CONNECT: Steps.SILENT_CONNECT,
    Stage.HELO: Steps.SILENT_HELO,
    Stage.MAIL: Steps.SILENT_MAIL,
    Stage.RCPT: Steps.SILENT_RCPT,
    Stage.DATA: Steps.SILENT_DATA,
    Stage.FIELD: Steps.SILENT_FIELDS,
    Stage.END_OF_HEADER: Steps.SILENT_END_OF_HEADER,
    Stage.BODY: Steps.SILENT_BODY,
    Stage.UNKNOWN: Steps.SILENT_UNKNOWN,
}
NEVER_ANSWERED = frozenset({Stage.ABORT, Stage.QUIT, Stage.NEXT_CLIENT})

SINCE = {Stage.UNKNOWN: 3, Stage.DATA: 4, Stage.NEXT_CLIENT: 6}
"""The version of the protocol that a stage came with."""

MACRO_STAGES = (
    Stage.CONNECT, Stage.HELO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.END_OF_BODY, Stage.END_OF_HEADER,
)  # fmt: skip
"""In the order of their numbers in a list of wanted macros (``SMFIM_*``)."""
