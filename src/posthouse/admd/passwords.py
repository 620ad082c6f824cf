"""Passwords: which may be set (L41), and new ones that nobody can guess."""

import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No 0 and O, no 1, l and I: people read these aloud."""

GROUPS = 4
GROUP_CHARACTERS = 5

MAX_CHARACTERS = 128
"""Longer ones are refused: nobody types them, and hashing cost must not be a stranger's choice."""

LEAST_SCORE = 3
"""zxcvbn's "safely unguessable"."""


def generate_password() -> str:
    """A password of 116 bits in four groups, easy to copy by hand."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARACTERS)) for _ in range(GROUPS))
    return "-".join(groups)


def judge_password(password: str, *, address: str, least_characters: int) -> str | None:
    """Why ``password`` may not be set, or None when it may: long, or hard to guess (L41), and never a known one."""
    if len(password) > MAX_CHARACTERS:
        return f"it is longer than {MAX_CHARACTERS} characters"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in password):
        return "it holds a control character"
    score, warning = _guess(password, address)
    long = len(password) >= least_characters
    # A long password need only not be one that guessers try first; a short one must be hard to guess.
    if score >= (1 if long else LEAST_SCORE) and not (long and score < LEAST_SCORE and _is_repetitive(password)):
        return None
    if long:
        return f"it is one that guessers try first{warning}"
    return f"it is shorter than {least_characters} characters and easy to guess{warning}"


def _guess(password: str, address: str) -> tuple[int, str]:
    """The zxcvbn score, 0 to 4, and its warning."""
    # Imported here: 30,000 words are loaded only when a password is set. The package has no types.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # noqa: PLC0415

    local, _, domain = address.partition("@")
    known = [word for word in (address, local, domain, domain.partition(".")[0], "posthouse") if word]
    result = zxcvbn(password[:72], user_inputs=known)
    warning = str(result["feedback"]["warning"] or "")
    return int(result["score"]), f" ({warning})" if warning else ""


def _is_repetitive(password: str) -> bool:
    """Few different characters: long, yet a pattern."""
    return len(set(password)) < 5
