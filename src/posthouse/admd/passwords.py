"""Passwords: which may be set (L41; threat A05), and new ones that nobody can guess.

Three looks at one: whether it is among those that people choose (the lists of
zxcvbn: 30,000 passwords, and the words and names that they are made of), how
many guesses zxcvbn gives it, and whether it is among those that were stolen,
where the operator has a list of them.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No 0 and O, no 1, l and I: people read these aloud."""

GROUPS = 4
GROUP_CHARACTERS = 5

MAX_CHARACTERS = 128
"""Longer ones are refused: nobody types them, and hashing cost must not be a stranger's choice."""

LEAST_SCORE = 3
"""zxcvbn's "safely unguessable"."""
LEAST_SCORE_LONG = 2
"""Of a long one: "somewhat guessable" if somebody has stolen the verifiers, and nobody guesses it at our doors."""

MOST_AROUND = 8
"""Digits and signs around a word that do not make it a password: ``Spring2026!``."""

COMMON = "it is one of the passwords that guessers try first"
ONE_WORD = "it is one word with a few digits or signs around it, which guessers try early"
"""Nothing of what is said of a password quotes it: it goes into letters and the journal."""
BREACHED = "it was found among stolen passwords"

WORDS = ("passwords", "english_wikipedia", "female_names", "male_names", "surnames", "us_tv_and_film")
"""Lists of zxcvbn."""

_WORD = re.compile(r"[\W\d_]*([^\W\d_]+(?:[@$013457!][^\W\d_]+)*)[\W\d_]*\Z")
_REPEATED = re.compile(r"(.+?)\1+\Z", re.DOTALL)
_LEET = str.maketrans("@$013457!", "asoieasti")
_SIGNS = str.maketrans("@$0!", "asoi")
"""The same where digits are meant as digits."""

IsBreached = Callable[[str], bool]
"""Says whether the SHA-1 of a password, in capital hex digits, is in the operator's list."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What follows from a weak password at login; what may be set is not a matter of choice (L41)."""

    refuses: bool = False
    """Whether it is refused once its owner has been told and ``grace_seconds`` have passed."""
    grace_seconds: float = 14 * 86400.0
    is_breached: IsBreached | None = None


def generate_password() -> str:
    """A password of 116 bits in four groups, easy to copy by hand."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARACTERS)) for _ in range(GROUPS))
    return "-".join(groups)


def judge_password(
    password: str, *, address: str, least_characters: int, is_breached: IsBreached | None = None
) -> str | None:
    """Why ``password`` may not be set, or None when it may: long, or hard to guess (L41), and never a known one."""
    if not password:
        return "it is empty"
    if len(password) > MAX_CHARACTERS:
        return f"it is longer than {MAX_CHARACTERS} characters"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in password):
        return "it holds a control character"
    if _is_common(password):
        return COMMON
    if _is_one_word(_unit(password), address):
        return ONE_WORD
    long = len(password) >= least_characters
    score, warning = _guess(password, address)
    # A long password need only not be one that guessers try first; a short one must be hard to guess.
    if score < (LEAST_SCORE_LONG if long else LEAST_SCORE) or (score < LEAST_SCORE and _is_repetitive(password)):
        if long:
            return f"it is easy to guess{warning}"
        return f"it is shorter than {least_characters} characters and easy to guess{warning}"
    if is_breached is not None and is_breached(breach_key(password)):
        return BREACHED
    return None


def breach_key(password: str) -> str:
    """The line that a list of stolen passwords (Have I Been Pwned) would have of it."""
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.sha1(octets, usedforsecurity=False).hexdigest().upper()


def load_words() -> None:
    """Read the lists now rather than with the first password."""
    _guess("nobody", "")


def _is_common(password: str) -> bool:
    """Among the 30,000 most used ones; capitals and signs in place of letters change nothing."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # type: ignore[import-untyped]  # noqa: PLC0415  # as below

    known = RANKED_DICTIONARIES["passwords"]
    plain = password.casefold()
    return any(one in known for one in (plain, plain.translate(_LEET), plain.translate(_SIGNS)))


def _unit(password: str) -> str:
    """What a password repeats: ``Winter25`` of ``Winter25Winter25``."""
    repeated = _REPEATED.match(password)
    return repeated[1] if repeated is not None else password


def _is_one_word(password: str, address: str) -> bool:
    """Whether there is no more in it than a word of the lists, of the address, or our own name."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # noqa: PLC0415  # as below

    match = _WORD.match(password)
    if match is None or len(password) - len(match[1]) > MOST_AROUND:
        return False
    word = match[1].casefold().translate(_LEET)
    own = re.split(r"[\W\d_]+", address.casefold())
    return word in {*own, "posthouse"} or any(word in RANKED_DICTIONARIES[name] for name in WORDS)


def _guess(password: str, address: str) -> tuple[int, str]:
    """The zxcvbn score, 0 to 4, and its warning."""
    # Imported here: 30,000 words are loaded only when a password is set.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # noqa: PLC0415 - see above; the package has no types

    local, _, domain = address.partition("@")
    known = [word for word in (address, local, domain, domain.partition(".")[0], "posthouse") if word]
    result = zxcvbn(password[:72], user_inputs=known)
    warning = str(result["feedback"]["warning"] or "")
    return int(result["score"]), f" ({warning})" if warning else ""


def _is_repetitive(password: str) -> bool:
    """Few different characters: long, yet a pattern."""
    return len(set(password)) < 5
