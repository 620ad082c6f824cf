"""What our own look at a message found, by class; what a class means is decided in ``filter.content.policy``."""

from enum import Enum

import msgspec

FINDINGS = 50
"""Of one message; more would tell nobody more."""
NAME_CHARACTERS = 80


class Kind(Enum):
    """The classes. Each is a key of ``[filter.content]`` and a clue ``content.<value>``."""

    TEST_VIRUS = "virus"
    EXECUTABLE = "executable"
    SCRIPT = "script"
    DISGUISE = "disguise"
    MACRO = "macro"
    REMOTE = "remote"
    ENCRYPTED = "encrypted"
    UNSCANNABLE = "unscannable"
    OPAQUE = "opaque"
    PARTIAL = "partial"
    SMUGGLING = "smuggling"
    ACTIVE = "active"
    AMBIGUOUS = "ambiguous"
    MISMATCH = "mismatch"
    NAME = "name"
    WORM = "worm"
    LINK = "link"
    FORM = "form"


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """``text`` is for people: what was found, and where."""

    kind: Kind
    text: str


class Findings(msgspec.Struct):
    """What was found so far, each once, and whether a worker must look because archives are in it.

    ``files`` has the digests of attached files and their names, where they were asked for.
    """

    all: dict[Finding, None] = {}
    needs_worker: bool = False
    files: dict[bytes, str] = {}

    def add(self, kind: Kind, text: str) -> None:
        if len(self.all) < FINDINGS:
            self.all[Finding(kind, text)] = None

    def has(self, kind: Kind) -> bool:
        return any(one.kind is kind for one in self.all)


def quoted(name: str) -> str:
    """A name for people: one line, no controls, not too long."""
    shown = "".join(one if one.isprintable() else "\ufffd" for one in name[: NAME_CHARACTERS + 1])
    return f'"{shown[:NAME_CHARACTERS]}…"' if len(name) > NAME_CHARACTERS else f'"{shown}"'
