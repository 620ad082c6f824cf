"""What a server's reply means for one recipient. Pure."""

from typing import Final

from msgspec.structs import replace

from posthouse.mail.outcome import Deferred, Failed, Outcome, Relayed
from posthouse.mail.reply import Reply, reply
from posthouse.standards.smtp.commands import Verb

MAX_TEXT: Final = 500
"""Octets of a server's words that go any further; the whole line then has at most 512."""


def classify(answer: Reply, host: str, *, to: Verb = Verb.END, speaks_dsn: bool = False) -> Outcome:
    """The outcome that ``answer`` to the command ``to`` gives a recipient (RFC 5321 section 4.2.1)."""
    answer = with_status(answer)
    if answer.accepted and to in {Verb.END, Verb.BDAT}:
        return Relayed(host, answer, speaks_dsn)
    if answer.accepted or answer.goes_on:  # a yes that leads nowhere, such as 250 to DATA; "go on" after the end
        return Deferred(reply(451, "4.5.0", f"unexpected answer to {to.value}: {answer}"), host)
    if answer.transient or to in {Verb.CONNECT, Verb.EHLO, Verb.AUTH, Verb.STARTTLS}:
        return Deferred(answer, host)
    if to is Verb.RCPT and answer.code == 552:  # RFC 5321 section 4.5.3.1.10: it means 452
        return Deferred(replace(answer, code=452, status="4.5.3"), host)
    return Failed(answer, host)


def wants_another_round(outcome: Outcome) -> bool:
    """Too many recipients at once: the rest may go right after those that were taken (RFC 5321 section 4.5.3.1.8)."""
    return isinstance(outcome, Deferred) and outcome.reply.code == 452 and outcome.reply.status == "4.5.3"


def with_status(answer: Reply) -> Reply:
    """``answer`` with an enhanced code, the most general one if the server gave none (RFC 3463 section 3.1).

    Its text is cut to what may stand in a report or a log (S15).
    """
    status = answer.status or f"{2 if answer.accepted else 5 if answer.permanent else 4}.0.0"
    if len(answer.text) == 1 and len(answer.text[0]) <= MAX_TEXT // 4:
        return answer if answer.status else replace(answer, status=status)
    text = " ".join(answer.text).encode()[:MAX_TEXT].decode("utf-8", "ignore")
    return replace(answer, status=status, text=(text,))
