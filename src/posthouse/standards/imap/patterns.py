"""LIST patterns (RFC 9051 section 6.3.9): linear in the name, whatever the pattern (threat I06)."""

import re

_WILD = re.compile(r"[*%]+")


class Pattern:
    """One pattern, ready to be held against many names.

    The pattern is a row of states, one a character; the set of states reached is
    the bits of one integer, so that a name of n characters takes n steps.
    """

    __slots__ = ("_exact", "_last", "_masks", "_prefix", "_stay", "_stay_inside")

    def __init__(self, pattern: str) -> None:
        if pattern[:5].isascii() and pattern[:5].upper() == "INBOX" and pattern[5:6] in {"", "/", "*", "%"}:
            pattern = "INBOX" + pattern[5:]
        # A run of wildcards that has a star is a star; the rest is one percent sign.
        pattern = _WILD.sub(lambda run: "*" if "*" in run[0] else "%", pattern)
        self._prefix = _WILD.split(pattern, maxsplit=1)[0]
        self._exact = self._prefix == pattern
        masks: dict[str, int] = {}
        self._stay = self._stay_inside = 0
        state = 0
        for character in pattern[len(self._prefix) :]:
            if character in "*%":
                self._stay_inside |= 1 << state
                if character == "*":
                    self._stay |= 1 << state
            else:
                masks[character] = masks.get(character, 0) | 1 << state
                state += 1
        self._masks = masks
        self._last = 1 << state

    def matches(self, name: str) -> bool:
        if self._exact:
            return name == self._prefix
        if not name.startswith(self._prefix):
            return False
        states = 1
        for character in name[len(self._prefix) :]:
            stay = self._stay if character == "/" else self._stay_inside
            states = states & stay | (states & self._masks.get(character, 0)) << 1
            if not states:
                return False
        return bool(states & self._last)
