"""The base subject: what a subject is without its "Re:", "Fwd:" and list tags (RFC 5256 section 2.1)."""

import re

LONGEST = 1000
"""Characters that are looked at; no thread differs only behind them."""

_BLOB = re.compile(r"\[[^\[\]]*+\][ \t]*+")
_LEADER = re.compile(r"(?:\[[^\[\]]*+\][ \t]*+)*+(?:re|fwd?)[ \t]*+(?:\[[^\[\]]*+\][ \t]*+)?+:[ \t]*+", re.IGNORECASE)


def base_subject(text: str) -> str:
    """The base of ``text``, which is decoded (RFC 2047) and unfolded; case is kept."""
    subject = " ".join(text[:LONGEST].split())
    if not _may_be_decorated(subject):
        return subject
    while True:
        subject = _strip_trailers(subject)
        subject = _strip_leaders(subject)
        if not (subject[:5].lower() == "[fwd:" and subject.endswith("]")):
            return subject
        subject = subject[5:-1].strip()


def is_reply(text: str) -> bool:
    """Whether the subject says that it answers or forwards something (RFC 5256 section 3)."""
    return _LEADER.match(text[:LONGEST].lstrip()) is not None


def _may_be_decorated(subject: str) -> bool:
    return ":" in subject or "[" in subject or subject.endswith(")")


def _strip_trailers(subject: str) -> str:
    while subject[-5:].lower() == "(fwd)":
        subject = subject[:-5].rstrip()
    return subject


def _strip_leaders(subject: str) -> str:
    position = 0
    while True:
        match = _LEADER.match(subject, position)
        if match is None:
            match = _BLOB.match(subject, position)
            if match is None or match.end() == len(subject):
                return subject[position:]
        position = match.end()
