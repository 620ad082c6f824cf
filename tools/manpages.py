"""Writes docs/man: pages of the commands from the commands themselves, pages of the services from their docstrings.

python tools/manpages.py          writes the pages
python tools/manpages.py --check  says which are not what they would be written as
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from posthouse.cli.main import COMMANDS, posthouse

PAGES = Path(__file__).parents[1] / "docs" / "man"

SERVICES = {
    "smtpd": ("posthouse.services.smtpd", "receives mail from other servers"),
    "submissiond": ("posthouse.services.submissiond", "takes mail from our own people"),
    "lmtpd": ("posthouse.services.lmtpd", "takes mail for our own people from local programs"),
    "imapd": ("posthouse.services.imapd", "shows mailboxes to mail programs"),
    "pop3d": ("posthouse.services.pop3d", "gives new mail to mail programs"),
    "admind": ("posthouse.services.admind", "answers operators' commands"),
    "metricsd": ("posthouse.services.metricsd", "counts for Prometheus"),
}

SUMMARIES = {
    "vulns": "what is known against what runs",
    "sbom": "a bill of materials of what runs",
    "serve": "run the server with a configuration file",
    "localserve": "run the whole server on loopback, ready to try",
    "domain": "the domains that mail is received for",
    "account": "who has a mailbox",
    "alias": "addresses that stand for others",
    "queue": "what waits to be sent",
    "dkim": "the keys that mail is signed with",
    "dns": "what our domains publish in the DNS",
    "quarantine": "what was kept from its readers",
    "report": "what others saw of mail in our name, and what we told them",
    "classifier": "what is learned from moves to and from Junk",
    "scanner": "programs that look at each message",
    "explain": "what became of a message or a refusal",
    "status": "how the server is",
    "limits": "every limit of the house",
    "cell": "several databases, each with some of the accounts",
    "cluster": "how the engine and the nodes are",
    "engine": "copy everything from one engine to another",
    "drill": "attack your own server and read what held",
    "config": "the configuration file",
}

DESCRIPTIONS = {
    "account": """\
A password is made and shown once, unless one is given by prompt, file or
standard input; never on the command line, where everybody on the machine can
read it. It must have twelve characters, or be hard to guess, and must not be
one that guessers try first, nor one word with a few digits behind it, nor one in
the list of stolen passwords that
.B [passwords] breached
names. Only verifiers of it are kept. A new password ends all sessions of the
account.
.PP
An
.B app password
is for one program or device: it opens some of the doors, may have an end, and
is taken back alone.
.PP
An account that writes to too many new people, or to many who do not exist, is
.BR held :
what it sends to others waits in the queue until
.B release
lets it go. If somebody else has its password,
.B revoke-sessions
throws him out at all doors of all nodes.
.PP
An account that was
.B granted
a domain may send in the name of every address there: the account that another
office's server logs in with, which has us as its smarthost.""",
    "report": """\
Domains ask others for reports about mail in their name (DMARC) and about TLS towards them (TLSRPT).
Those that arrive for postmaster, dmarc or tlsrpt of a domain of ours, or for an address in
.BR "[reports] addresses" ,
are filed as mail and read besides; what they say is kept for 90 days
.RB ( "[reports] keep" ).
What we saw is sent once a day to domains that ask for it, unless
.B "[reports] send"
is false.""",
    "quarantine": """\
A
.B copy
is kept from a mailbox of ours; its id is the number of the account and that of
the message. A message to elsewhere is
.B held
in the queue, under its queue id. What nobody releases goes after 30 days
.RB ( "[quarantine] keep" ),
and users hear once a day what is new
.RB ( "[quarantine] digest" ).""",
    "classifier": """\
It learns from what people do with their mail: what they move into Junk or out of it, file, answer or flag, and what is
released from quarantine or dropped there.
.B train
shows it messages for one account, or for all (with the word of three people); what one account teaches
moves nobody else's mail.
.B explain
shows the words that decide, from 0 (good mail) to 1 (junk).
.B forget
takes an address, or
.B operator
for what was trained for all.""",
    "cell": """\
An account lives in one cell, a database of its own. The first cell, home, also
has domains, the directory and what all nodes share. Mail for an account whose
cell is away is taken by another one and carried there afterwards. Nodes use a
new cell once they are restarted.""",
    "cluster": """\
.B status
lists the engine, its servers, the nodes, the jobs that one node does for all,
and the queue.
.B doctor
says what is wrong now, or would be when the next machine dies, and ends with 1
if something is wrong now.""",
    "scanner": """\
Scanners stand in the configuration, each in a
.BR [[scanner]] .
One that is down makes mail wait, unless
.B on_failure
says otherwise; it is asked again and again whether it is back.""",
    "queue": """\
A line of the queue is one recipient of one message. Its state is
.BR waiting ,
.B deferred
(tried before, and to be tried again),
.B active
(a worker has it) or
.BR held .
Verbs that change something need to be told what: by id, sender, recipient or
domain, or by
.BR --all .""",
    "dkim": """\
A key is
.B made
with its domain, and every 90 days again. It signs
.RB ( active )
once its record was seen in the DNS, or you have said that it is published; its
predecessor is
.B retiring
then, must stay published for 14 days, and is
.BR removed .
So a record that nobody published never breaks a signature. Private keys are
kept sealed under the master key, a file beside the store
.RI ( master.key )
or where
.B [keys] file
says. Keep a copy of it elsewhere: without it the sealed keys are lost.""",
    "dns": """\
.B records
prints what to put into the zone; long keys are split into strings of 255
octets.
.B check
compares it with what the DNS says, one line a record, and names what is
dangerous in what is there: an SPF record that lets in everybody or asks too
much, names in it that nobody owns any more, weak keys.""",
    "explain": """\
Every message and every refusal leaves a record, named by a short id. The id
stands at the end of our replies, in the Received line, in the log and in
reports. The record says who came, what was decided and why, what was stored
and what was queued; what still waits in the queue is shown below it.""",
    "limits": """\
Values may be changed in the configuration, not removed: zero or less is an
error and never means that there is no limit.""",
    "config": """\
An unknown key is an error, and all errors are told at once, each with its file,
line and key.""",
}

EXAMPLES = {
    "vulns": (
        "posthouse vulns --db osv-pypi.zip",
        "posthouse vulns --db advisories/ --json",
        "posthouse vulns --db osv/ --sbom last-year.json",
    ),
    "sbom": ("posthouse sbom > bill.json", "posthouse sbom --format spdx"),
    "drill": (
        "posthouse drill run --profile essay",
        "posthouse drill explain S01",
        "posthouse drill prove S01 A01",
        "posthouse drill report last --format html > drill.html",
    ),
    "engine": (
        "posthouse engine copy /var/lib/posthouse postgresql://posthouse@db1,db2,db3/posthouse",
        "posthouse engine copy postgresql://posthouse@db1/posthouse /var/lib/posthouse",
    ),
    "report": (
        "posthouse report dmarc --since 7",
        "posthouse report tls --domain example.org",
        "posthouse report dmarc --sent",
        "posthouse report send --dry-run",
    ),
    "classifier": (
        "posthouse classifier status",
        "posthouse classifier train --junk spam/*.eml",
        "posthouse classifier explain --account alice@example.org letter.eml",
    ),
    "quarantine": (
        "posthouse quarantine list",
        "posthouse quarantine release 3.17",
        "posthouse quarantine drop --account alice@example.org",
    ),
    "cell": (
        "posthouse cell add postgresql://posthouse@h4,h5,h6/posthouse",
        "posthouse cell move alice@office.example 1",
    ),
    "cluster": ("posthouse cluster status", "posthouse cluster doctor --json"),
    "scanner": (
        "posthouse scanner list",
        "posthouse scanner test clamd",
    ),
    "domain": ("posthouse domain add office.example", "posthouse domain list --json"),
    "account": (
        "posthouse account add alice@office.example --name 'Alice Example'",
        "pass show mail/alice | posthouse account password alice@office.example --password-stdin",
    ),
    "alias": ("posthouse alias add sales@office.example alice@office.example bob@office.example",),
    "queue": (
        "posthouse queue list --domain slow.example",
        "posthouse queue hold --sender newsletter@office.example",
        "posthouse queue list --json | jq -r 'select(.attempts > 5) | .id'",
    ),
    "dkim": ("posthouse dkim list", "posthouse dkim activate office.example"),
    "dns": ("posthouse dns records office.example >> office.example.zone", "posthouse dns check office.example"),
    "explain": ("posthouse explain 2546x1z552rc",),
    "status": ("posthouse status --json",),
    "limits": ("posthouse limits",),
    "config": ("posthouse config default > posthouse.toml", "posthouse config check --config posthouse.toml"),
    "serve": ("posthouse serve --config /etc/posthouse/posthouse.toml",),
    "localserve": ("posthouse localserve --dir /tmp/try",),
}

STATUS = """\
.SH EXIT STATUS
.TP
.B 0
good
.TP
.B 1
failed: what happened and what to do is on standard error
.TP
.B 2
usage
"""

ENVIRONMENT = """\
.SH ENVIRONMENT
.TP
.B POSTHOUSE_CONFIG
the configuration file, when there is no
.B --config
"""

STORE = """\
.TP
.B POSTHOUSE_DIR
the directory of the store, when there is neither a
.B --dir
nor a configuration file
"""

SOCKET = """\
.SH FILES
.TP
.I control.sock
in the directory of the store: where a running server is asked. It is open to
the user of the server and to root. When nobody listens there, the command opens
the store itself, under its lock, and says so.
"""


DRILL_PLACES = """\
.SH ENVIRONMENT
.TP
.B POSTHOUSE_DRILL_REPORTS
where reports are kept, when there is no
.B --reports
"""

PLACES = {"localserve": "", "drill": DRILL_PLACES, "engine": "", "serve": ENVIRONMENT, "config": ENVIRONMENT}
"""What a page says of where things are, when not everything."""


def escape(text: str) -> str:
    """``text`` as roff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def head(name: str, section: int, summary: str) -> str:
    return f'.TH {name.upper()} {section} "" Posthouse "Posthouse manual"\n.SH NAME\n{name} \\- {summary}\n'


def options(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield f".TP\n.B {escape(record[0])}\n{escape(record[1])}\n"


def prose(help_text: str) -> str:
    return "\n.PP\n".join(escape(part) for part in inspect.cleandoc(help_text).split("\n\n")) + "\n"


def usage(words: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command))
    return f".B posthouse {escape(words)}\n{escape(' '.join(pieces))}\n"


def verbs_of(command: click.Command, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """The verbs of a noun; those of a noun within it with its name before."""
    for verb, one in command.commands.items() if isinstance(command, click.Group) else ():
        words = f"{before}{verb}"
        if isinstance(one, click.Group):
            yield from verbs_of(one, f"{words} ")
        else:
            yield words, one


def command_page(name: str) -> str:
    """The page of one noun with all its verbs."""
    command = posthouse.get_command(click.Context(posthouse), name)
    if command is None:
        raise LookupError(name)
    verbs = dict(verbs_of(command))
    parts = [head(f"posthouse-{name}", 1, SUMMARIES[name]), ".SH SYNOPSIS\n"]
    if verbs:
        parts += [f"{usage(f'{name} {verb}', one)}.br\n" for verb, one in verbs.items()]
    else:
        parts.append(usage(name, command))
    parts.append(f".SH DESCRIPTION\n{prose(command.help or '')}")
    if name in DESCRIPTIONS:
        parts.append(f".PP\n{DESCRIPTIONS[name]}\n")
    if verbs:
        parts.append(".SH COMMANDS\n")
        for verb, one in verbs.items():
            parts += [f'.SS "{verb}"\n', prose(one.help or ""), *options(one)]
    else:
        parts += [".SH OPTIONS\n", *options(command)]
    parts += [STATUS, PLACES.get(name, ENVIRONMENT + STORE + SOCKET)]
    parts.append(".SH EXAMPLES\n.nf\n" + "".join(f"{escape(line)}\n" for line in EXAMPLES[name]) + ".fi\n")
    parts.append(".SH SEE ALSO\n.BR posthouse (1)\n")
    return "".join(parts)


def main_page() -> str:
    parts = [head("posthouse", 1, "a complete mail server for an office and its links to other offices")]
    parts.append(".SH SYNOPSIS\n.B posthouse\n.I noun\n.RI [ verb ]\n.RI [ options ]\n")
    parts.append(
        ".SH DESCRIPTION\nPosthouse receives, submits, relays, queues, delivers, stores and serves mail.\n"
        "Commands talk to the running server, or work on its store when none runs.\n"
        "Lists are tables on a terminal and one JSON object a line with\n.BR \\-\\-json ;\n"
        "names in it are stable, and unknown ones must be ignored.\n.SH COMMANDS\n"
    )
    for name, summary in SUMMARIES.items():
        parts.append(f".TP\n.BR posthouse\\-{name} (1)\n{escape(summary)}\n")
    parts += [STATUS, ENVIRONMENT, STORE, SOCKET, ".SH SEE ALSO\n"]
    parts.append(",\n".join(f".BR {name} (8)" for name in SERVICES).replace(",\n", " ,\n") + "\n")
    return "".join(parts)


def service_page(name: str) -> str:
    """The page of a service: what its module says about it."""
    module, summary = SERVICES[name]
    docstring = inspect.cleandoc(importlib.import_module(module).__doc__ or "")
    description, *sections = re.split(r"^(STANDARDS|SECURITY|LIMITS)[.:]?\s+", docstring, flags=re.MULTILINE)
    parts = [head(name, 8, summary), f".SH DESCRIPTION\n{service_prose(description)}"]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        parts.append(f".SH {title}\n{service_prose(text)}")
    parts.append(".SH SEE ALSO\n.BR posthouse (1),\n.BR posthouse\\-limits (1)\n")
    return "".join(parts)


def service_prose(text: str) -> str:
    plain = re.sub(r"``([^`]*)``", r"\1", text.strip())
    lines = [line.strip() for line in plain.splitlines()]
    return "\n.PP\n".join(escape(part) for part in "\n".join(lines).split("\n\n")) + "\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    made = {"posthouse.1": main_page()}
    made |= {f"posthouse-{name}.1": command_page(name) for name in COMMANDS}
    return made | {f"{name}.8": service_page(name) for name in SERVICES}


def main(arguments: list[str]) -> int:
    made = pages()
    if "--check" in arguments:
        old = [name for name, text in made.items() if not _is_same(PAGES / name, text)]
        print(*(f"docs/man/{name}: run python tools/manpages.py" for name in old), sep="\n", end="\n" if old else "")
        return 1 if old else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    return 0


def _is_same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
