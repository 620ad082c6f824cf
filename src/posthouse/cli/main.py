"""``posthouse NOUN VERB``. What a command needs is imported when it is called: a list takes a tenth of a second."""

import errno
import os
import sys
from importlib import import_module

import click

COMMANDS = {
    "serve": ("posthouse.cli.serve:serve", "Run the server with a configuration file."),
    "localserve": ("posthouse.cli.localserve:localserve", "Run the whole server on loopback, ready to try."),
    "domain": ("posthouse.cli.domain:domain", "Domains of ours: add, list, remove."),
    "account": ("posthouse.cli.account:account", "Accounts: add, list, show, password, app-password, hold, and more."),
    "alias": ("posthouse.cli.alias:alias", "Addresses that stand for others: add, list, remove."),
    "queue": ("posthouse.cli.queue:queue", "What waits to be sent: list, show, hold, release, retry, drop, bounce."),
    "dkim": ("posthouse.cli.dns:dkim", "DKIM keys: list, rotate, activate, retire, reset."),
    "dns": ("posthouse.cli.dns:dns", "What our domains publish: records, check."),
    "quarantine": ("posthouse.cli.quarantine:quarantine", "What was kept back: list, show, release, drop, digest."),
    "report": ("posthouse.cli.report:report", "What others saw of mail in our name: dmarc, tls, failures, list, send."),
    "classifier": (
        "posthouse.cli.classifier:classifier",
        "What is learned from moves to and from Junk: status, train, forget, explain.",
    ),
    "scanner": ("posthouse.cli.scanner:scanner", "Programs that look at each message: list, test."),
    "explain": ("posthouse.cli.traces:explain", "What became of a message or a refusal, by its id."),
    "status": ("posthouse.cli.traces:status", "How the server is."),
    "limits": ("posthouse.cli.limits:limits", "Every limit with its number, value and reason."),
    "drill": ("posthouse.cli.drill:drill", "Attack your own server in a sandbox, and read what held."),
    "engine": ("posthouse.cli.engine:engine", "Where mail is kept: look for damage, copy all of it elsewhere."),
    "cell": ("posthouse.cli.cell:cell", "Several databases, each with some of the accounts: add, list, drain, move."),
    "cluster": ("posthouse.cli.cluster:cluster", "Several machines: status, doctor."),
    "vulns": ("posthouse.cli.vulns:vulns", "What is known against what runs, from advisories off line."),
    "sbom": ("posthouse.cli.vulns:sbom", "A bill of materials of what runs."),
    "config": ("posthouse.cli.config:config", "The configuration file: check, show, default."),
}


class Nouns(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, name = found[0].partition(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{found[0]} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in COMMANDS.items()])


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="posthouse", message="%(prog)s %(version)s")
def posthouse() -> None:
    """A complete mail server for an office and its links to other offices.

    Exit status: 0 good, 1 failed, 2 usage.
    """


def main() -> None:
    """The entry point of the ``posthouse`` command."""
    muted = take_standard_places()
    try:
        sys.exit(posthouse(prog_name="posthouse"))
    except OSError as error:  # where it writes to is full, or gone
        sys.stdout = None  # what is left in it cannot be written either
        sys.exit("Error: standard output is closed" if muted and error.errno == errno.EBADF else f"Error: {error}")


def take_standard_places() -> bool:
    """See that descriptors 0 to 2 are taken, so that no store is opened as one of them; whether output was closed.

    What is written to a closed standard output fails then as it does in other programs.
    """
    closed = {place for place in range(3) if not _is_open(place)}
    for place in sorted(closed):  # an open takes the lowest that is free
        os.open(os.devnull, os.O_RDWR if place == 2 else os.O_RDONLY)
    if 1 in closed:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if 2 in closed:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    return 1 in closed


def _is_open(place: int) -> bool:
    try:
        os.fstat(place)
    except OSError:
        return False
    return True
