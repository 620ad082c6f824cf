"""SMTP that hears what it must not hear."""

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.mail.address import Address
from posthouse.mail.reply import Reply
from posthouse.mta import receive, reception, relaying
from posthouse.standards.smtp import arguments, commands, grammar, parameters, refusals, server
from posthouse.standards.smtp.events import Noop, Verify
from posthouse.standards.smtp.server import ServerConnection
from posthouse.standards.smtp.states import COMMANDS
from posthouse.supervisor import serve
from posthouse.supervisor.unguarded.replacing import replace


def _hear_early_talkers() -> None:
    """S03: whatever comes is carried out, whoever had to wait."""
    replace(ServerConnection, "_early", property(lambda _self: False, lambda _self, _value: None))
    replace(server, "COMMANDS", {verb: dataclasses.replace(row, last=False) for verb, row in COMMANDS.items()})
    replace(server, "FOREIGN_VERBS", frozenset())


def _write_line_ends() -> None:
    """S06: what came encoded goes out as it is."""
    replace(commands, "_CONTROLS", re.compile(r"(?!)"))
    replace(commands, "format_xtext", lambda text: text)
    replace(grammar, "parse_xtext", _decode)


def _decode(text: str) -> str:
    return re.sub(r"\+([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), text)


def _run_refused_chunks() -> None:
    """S08: a chunk that is refused is not read, and so its octets are commands."""

    def refuse(self: Any, _size: int, *, last: bool) -> Any:  # noqa: ARG001 - as it is called
        return refusals.MAIL_FIRST

    replace(ServerConnection, "_skip_chunk", refuse)


def _pass_over_parameters() -> None:
    """S09: what is not understood is ignored."""
    strict = parameters.parse_mail

    def parse(argument: str, offer: Any) -> Any:
        try:
            return strict(argument, offer)
        except parameters.Unacceptable:
            return strict(argument.partition("> ")[0] + ">", offer)

    replace(arguments, "parse_mail", parse)


def _run_addresses() -> None:
    """S10: a sender is told to a shell, as a script around a server may do."""
    strict = receive.Receiver.begin

    def begin(self: Any, client: Any, mail: Any) -> Any:
        os.system(f'echo "{mail.reverse_path}" > /dev/null')  # noqa: S605 - the very hole
        return strict(self, client, mail)

    replace(receive.Receiver, "begin", begin)


def _tell_who_exists() -> None:
    """S13: VRFY answers what is asked."""

    def verify(self: Any, event: Any) -> Any:
        directory = self._desk.office._directory  # noqa: SLF001 - the hole is made from outside
        there = type(directory.resolve(Address(event.argument, "office.test"))).__name__ == "Local"
        return (Reply(252, "2.5.0", ("he is here",)),) if there else (Reply(550, "5.1.1", ("no such user",)),)

    answers = dict(reception.Reception.answers)
    answers[Verify] = verify
    replace(reception.Reception, "answers", answers)


def _believe_claims() -> None:
    """S14: XCLIENT is taken, and whoever said it may relay."""

    def unknown(self: Any, verb: str) -> Any:
        return Noop() if verb in {"XCLIENT", "PROXY", "XFORWARD"} else strict(self, verb)

    strict = ServerConnection._unknown  # noqa: SLF001 - what it does is replaced here
    replace(ServerConnection, "_unknown", unknown)
    replace(relaying.Relaying, "_judge_elsewhere", lambda _self, _client, _recipient, _residence: None)
    replace(serve, "check_relay", lambda _ground: 0)  # it would not start, and rightly so


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "S03": _hear_early_talkers,
    "S06": _write_line_ends,
    "S08": _run_refused_chunks,
    "S09": _pass_over_parameters,
    "S10": _run_addresses,
    "S13": _tell_who_exists,
    "S14": _believe_claims,
}
