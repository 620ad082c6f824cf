"""What scanners find, as clues. What is told to the other side is the same for every virus (threat B02)."""

from posthouse.filter.action import Action
from posthouse.filter.clue import Clue
from posthouse.filter.scanners.terms import Terms
from posthouse.mail.reply import Reply

INFECTED = Reply(550, "5.7.1", ("the message carries content that we do not take",))
MOST_TEXT = 300


class Unscanned(Exception):
    """The scanner answers, and has not looked at this message; ``str()`` says why."""


def infected(terms: Terms, what: str) -> Clue:
    """A virus; its name is for the ledger."""
    return Clue(
        terms.name,
        f"{terms.name}.virus",
        f"{terms.name} found {what}"[:MOST_TEXT],
        action=terms.on_virus,
        reply=INFECTED,
    )


def unscanned(terms: Terms, why: str) -> Clue:
    """The scanner could not say anything about the message: what the operator chose for that."""
    return Clue(
        terms.name,
        f"{terms.name}.failed",
        f"not examined by {terms.name}: {why}"[:MOST_TEXT],
        action=terms.on_failure,
        reply=Reply(451, "4.7.1", (f"the content scanner {terms.name} is not available, try again later",))
        if terms.on_failure is Action.DEFER
        else None,
    )
