"""Text with a NUL in it: PostgreSQL keeps none, mail may bring one."""

_ESCAPE = "\U0010fffe"
"""No character, and none that mail would bring; two of it stand for one."""


def keep_text(text: str) -> str:
    """``text`` in a form that PostgreSQL keeps; ``plain_text`` of it is ``text``."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE * 2).replace("\0", _ESCAPE + "0")


def plain_text(kept: str) -> str:
    if _ESCAPE not in kept:
        return kept
    pieces = kept.split(_ESCAPE * 2)
    return _ESCAPE.join(piece.replace(_ESCAPE + "0", "\0") for piece in pieces)
