"""A cursor over one whole command: text lines, with literals set aside in order (RFC 9051 section 9)."""

import re
from collections.abc import Callable
from typing import TypeVar

from posthouse.standards.imap.names import BadName, decode_name, parse_mailbox_name
from posthouse.standards.imap.sequence import STAR, SequenceSet, parse_sequence_set

Value = TypeVar("Value")

ATOM = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
ASTRING = re.compile(rb'[^\x00-\x20(){%*"\\\x7f-\xff]+')
LIST_ATOM = re.compile(rb'[^\x00-\x20(){"\\\x7f-\xff]+')
QUOTED = re.compile(rb'"((?:[^"\\\x00\r\n]++|\\["\\])*+)"')
"""Possessive, so that a string full of escapes leaves no stack of places to go back to."""
NUMBER = re.compile(rb"[0-9]{1,20}")
SEQUENCE = re.compile(rb"[0-9:*,]+|\$")
FLAG = re.compile(rb'\\?[^\x00-\x20(){%*"\\\]\x7f-\xff]{1,100}')
MARKER = re.compile(rb"\{[0-9]+\+?\}\r\n")

SYSTEM_FLAGS = {name.upper(): name for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}
MAX_FLAGS = 100
MAX_MODSEQ = 2**63 - 1


class ParseError(ValueError):
    """The command is refused, with BAD unless ``condition`` says otherwise."""

    def __init__(self, text: str, *, condition: str = "BAD", code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.condition = condition
        self.code = code


class Scanner:
    """Reads productions from left to right; each raises ``ParseError`` where the grammar is left."""

    __slots__ = ("_literals", "_next", "at", "depth", "text", "utf8")

    def __init__(self, text: bytes, literals: list[bytes], *, at: int = 0, depth: int = 50, utf8: bool = False) -> None:
        self.text = text
        self.at = at
        self.depth = depth
        self.utf8 = utf8
        self._literals = literals
        self._next = 0

    # -- tokens --------------------------------------------------------------------------------

    def found(self, token: bytes) -> bool:
        """Whether ``token`` (upper case) stands here; if so it is passed."""
        end = self.at + len(token)
        if self.text[self.at : end].upper() != token:
            return False
        self.at = end
        return True

    def expect(self, token: bytes, what: str = "Syntax error in parameters") -> None:
        if not self.found(token):
            raise ParseError(what)

    def space(self) -> None:
        self.expect(b" ", "Parameter expected")

    def end(self) -> None:
        if self.at != len(self.text):
            raise ParseError("Unexpected parameter")

    @property
    def at_end(self) -> bool:
        return self.at >= len(self.text)

    def match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ParseError(what)
        self.at = found.end()
        return found[0]

    # -- strings -------------------------------------------------------------------------------

    def atom(self) -> str:
        return self.match(ATOM, "Atom expected").decode("ascii")

    def word(self) -> str:
        """A keyword of the grammar, in upper case."""
        return self.atom().upper()

    def string(self) -> bytes:
        """``string``: quoted or literal."""
        found = QUOTED.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            octets = found[1]
            return _unescape(octets) if b"\\" in octets else octets
        self.match(MARKER, "String expected")
        literal = self._literals[self._next]
        self._next += 1
        return literal

    def astring(self) -> bytes:
        found = ASTRING.match(self.text, self.at)
        if found is None:
            return self.string()
        self.at = found.end()
        return found[0]

    def nstring(self) -> bytes | None:
        return None if self.found(b"NIL") else self.string()

    def decoded(self, octets: bytes) -> str:
        """``octets`` of a string meant for people; without NUL."""
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ParseError("Text is not UTF-8") from error
        if "\x00" in text:
            raise ParseError("NUL is not allowed")
        return text

    def mailbox(self, *, make: bool = False) -> str:
        return self._named(lambda octets: parse_mailbox_name(octets, utf8=self.utf8, make=make), self.astring())

    def list_mailbox(self) -> str:
        """``list-mailbox``: a pattern; one that is not in the encoding stays as it is, and matches nothing."""
        found = LIST_ATOM.match(self.text, self.at)
        if found is None:
            octets = self.string()
        else:
            self.at = found.end()
            octets = found[0]
        try:
            return self._named(lambda octets: decode_name(octets, utf8=self.utf8), octets)
        except ParseError:
            return octets.decode("latin-1")

    def _named(self, parse: Callable[[bytes], Value], octets: bytes) -> Value:
        try:
            return parse(octets)
        except BadName as error:
            raise ParseError(str(error), condition="NO", code="CANNOT") from error

    # -- numbers -------------------------------------------------------------------------------

    def number(self, most: int = 2**32 - 1, *, least: int = 0) -> int:
        number = int(self.match(NUMBER, "Number expected"))
        if number > most:
            raise ParseError("Number too large")
        if number < least:
            raise ParseError("Number too small")
        return number

    def modseq(self, *, least: int = 0) -> int:
        """``mod-sequence-valzer`` (RFC 7162 section 7); with ``least`` 1 ``mod-sequence-value``."""
        return self.number(MAX_MODSEQ, least=least)

    def sequence_set(self) -> SequenceSet:
        try:
            return parse_sequence_set(self.match(SEQUENCE, "Sequence set expected").decode("ascii"))
        except ValueError as error:
            raise ParseError(f"Bad sequence set: {error}") from error

    def known_set(self) -> SequenceSet:
        """``known-uids`` (RFC 7162 section 7): numbers, no ``*``, and no ``$`` either."""
        numbers = self.sequence_set()
        if numbers.saved or any(STAR in pair for pair in numbers.ranges):
            raise ParseError("Known numbers expected")
        return numbers

    # -- lists ---------------------------------------------------------------------------------

    def items(self, read: Callable[[], Value], *, empty: bool = False) -> list[Value]:
        """``(`` what ``read`` reads, between spaces ``)``."""
        self.expect(b"(", "List expected")
        found: list[Value] = []
        if empty and self.found(b")"):
            return found
        while True:
            found.append(read())
            if self.found(b")"):
                return found
            self.space()

    def flag(self) -> str:
        r"""System flags in canonical case, keywords as they are. ``\Recent`` is nobody's to set: empty."""
        text = self.match(FLAG, "Flag expected").decode("ascii")
        if text[0] != "\\":
            return text
        if text.upper() == "\\RECENT":
            return ""
        name = SYSTEM_FLAGS.get(text.upper())
        if name is None:
            raise ParseError("Unknown system flag")
        return name

    def flag_list(self) -> frozenset[str]:
        return self.flags(self.items(self.flag, empty=True))

    def flags(self, names: list[str]) -> frozenset[str]:
        """RFC 9051 section 2.3.2: keywords do not depend on case; the first spelling in the command counts."""
        if len(names) > MAX_FLAGS:
            raise ParseError("Too many flags", condition="NO", code="LIMIT")
        first: dict[str, str] = {}
        for name in names:
            first.setdefault(name.upper(), name)
        first.pop("", None)
        return frozenset(first.values())


def _unescape(octets: bytes) -> bytes:
    """Pairs of backslashes are one each, counted from the left; what is left of them hides a quote."""
    return b"\\".join(part.replace(b'\\"', b'"') for part in octets.split(b"\\\\"))
