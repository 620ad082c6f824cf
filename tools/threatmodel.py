"""Writes docs/threat-model.md: the matrices below, and every entry of the drill's catalogue that their rows link to.

python tools/threatmodel.py          writes the page
python tools/threatmodel.py --check  says whether it is what it would be written as
python tools/threatmodel.py --lines  counts the code that is trusted, by what it is trusted with
"""

# ruff: noqa: E501 - rows of tables

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from posthouse.drill.attacks.index import all_scenarios
from posthouse.drill.catalogue.index import CATALOGUE
from posthouse.drill.taxonomy import FAULT_CLASSES, MEANS, MOTIVES, SEVERITIES, SURFACES, VIEWPOINTS, WEAKNESSES
from posthouse.drill.threat import Threat

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "threat-model.md"
PACKAGE = ROOT / "src" / "posthouse"
BY_ID = {one.id: one for one in CATALOGUE}

HEAD = """\
# The threat model

Written by `python tools/threatmodel.py` from its matrices and the catalogue of `posthouse drill`; do not edit.

Who could want to harm a mail server, by what fault that becomes possible, how it would show, and what stands against
it. Each row names entries of the catalogue; each entry says what is done, and `posthouse drill run ID` does it to your
own server in a sandbox. What is only said here and shown nowhere is not in this page.

The words are those of Avizienis, Laprie, Randell and Landwehr (2004): a *fault* is a cause, an *error* is wrong state
inside, a *failure* is wrong service outside. A fault from outside harms only where a fault inside lets it in, so each
entry is a pair, written *attack < what enables it*.

## What is promised, and what is not

**Promised.**

- What was acknowledged is not lost: by no crash, no power cut, no full disk ([durability](durability.md)).
- Nobody but our own people, and machines named twice, can send through the house to others.
- Whatever strangers send is refused, put aside or filed within bounds of memory, time and disk; our own people are
  served meanwhile, and whoever wrote to us before is preferred to who did not.
- Nothing that a stranger wrote is run, or believed because of who he says he is.
- A worker that looks into files can do nothing but answer; the server can run no program and write nowhere but where
  mail is kept ([isolation](explanation/isolation.md)).
- The safe failure is a delay that is said: 4yz, and the sender tries again.

**Not promised.**

- Nothing holds against who is root on the machine, or has the database server, or the disk while it runs.
- Mail is not encrypted in the store beyond what the disk does; keys that sign are ([ADR 0013](adr/0013-keys-wait-for-the-dns.md)).
- Whoever has a reader's password is that reader, until he is noticed.
- SMTP between servers is as secret as the next server allows; what is in a message is as true as its author.
- More connections than the line carries fill the line: that is for whoever runs the line.
- A new virus that no scanner knows, in a kind of file that is allowed, arrives.
- Covert channels, electric side channels, and a compiler that lies.

## Motives

| | motive | entries |
|---|---|---|
"""

FAULTS: tuple[tuple[str, str, str, str], ...] = (
    ("A buffer, list or state that grows with what comes", "SF-n", "S04 S05 S08 S09 S11 I01 I02 I03 I04 M01 M02 M03 A07 T08 D11 R11 J02 J03", "budget strict"),
    ("Work that grows faster than what comes", "SF-n", "R07 M04 M07 D09 I06 J01 V01", "budget worker"),
    ("A line end that two servers read in two ways", "SF-d", "S01 S02 S06 S03", "strict"),
    ("State that outlives what it belonged to", "SF-n", "S07 T01 T02 A09 P08 W06", "replaced strict"),
    ("An acknowledgement before it is true", "SF-d", "P01 P02 P03 P05 P09 P10", "durable once"),
    ("A protocol in which anybody may be anybody", "SF-d", "D01 D02 D03 D04 D06 D07 D10 S14 T09 A08", "proof canonical"),
    ("A protocol that multiplies", "SF-d", "S12 B01 B03 B04 B05 B08 D05 D08", "rates loops session"),
    ("A parser that sees something else than the reader", "SF-n", "M05 M06 M09 M10 D02", "canonical scan"),
    ("Mail that is taken for code or for a place", "SF-n", "S10 I07 V02 W01 W02 W03 W07 W08 W14 W15 W16 J04 T07 W09", "least strict"),
    ("Guests in what we are made of", "ML", "O05", "least watch"),
    ("Known holes that nobody closed", "SF-n IM", "O08", "watch"),
    ("Disks, power and clocks that fail", "HW", "P02 P03 P04 P05 P06 R05 R10", "durable once reserve nodes"),
    ("Lines, names and peers that fail", "HW IM", "P07 R09 S15 R08", "queue budget"),
    ("A setting that opens what should be shut", "IM", "A01 O04 O10 T03 T04 T05 D07 W11", "lint"),
    ("Passwords that are weak, shared or told", "IM", "A02 A03 A04 A05 A06 A10 A11 I08 O01 O03 W05 W13", "accounts secrets"),
    ("More of it than there are places", "IA", "R01 R02 R03 R04 R06 T06 I05 I10 B06 W10 W12", "rates reserve stress budget"),
    ("A defence that is aimed at whom it protects", "SF-d", "O11 A02 B01", "rates accounts"),
    ("Words that tell too much", "SF-d", "S13 A04 B02 O02 O03 O10 W04", "neutral secrets"),
    ("A neighbour, or a process with more rights than it needs", "SF-d IM", "O06 O07 O09 I09", "least worker"),
    ("Viruses, worms and what they ride on", "VW", "M07 M08 M09 M10", "scan worker"),
    ("One message that ends whoever reads it", "SF-n", "P11 M01 M05", "worker budget"),
    ("Reports that are not about us", "IA", "B05 B07 D11", "proof rates"),
)  # fmt: skip
"""What is wrong at first, its class, who makes use of it, and the mechanisms against it."""

FAILURES: tuple[tuple[str, str, str, str, str], ...] = (
    ("Acknowledged mail is missing", "C u ≠", "V4", "Impossible by the order of writing; a store that lost something refuses to start", "P01 P02 P03 P04 P09 P10"),
    ("Mail arrives twice", "C u =", "V3", "One row by queue id and recipient; a repeated transfer finds it", "P01 P08 S15"),
    ("Mail is altered or cut", "C u ≠", "V4", "Named by its hash and never rewritten; a difference is an alarm", "P05 M10 S02"),
    ("A forged message is shown as true", "C u ≠", "V3", "Refused, or in Junk, with the reason in its header", "D01 D02 D03 D04 D06 D07 D10 S14 T02 T03 T09"),
    ("A message inside a message", "C u ≠", "V3", "5yz, and the connection ends", "S01 S02 S06 S07 T01"),
    ("Somebody reads another's mail", "C u ≠", "V4", "Each look-up is by account; nothing is there to be asked for by name", "A09 I07 I08 I09 J04 O07 W05 W06 W13"),
    ("Strangers learn who exists", "C u =", "V1", "Neutral words in equal time; few questions an hour", "S13 A04 B02 W12 W04"),
    ("Passwords or keys are told", "C u =", "V4", "No password without TLS, none kept, none in a log; keys are sealed", "A10 A11 O01 O03 O10 W01 W03 W15"),
    ("We relay for strangers", "C u =", "V4", "550 5.7.1; the house tries itself at each start", "A01 S14 O04 W07 T07 W09"),
    ("A stolen account sends", "E u =", "V3", "Held, its sessions ended, its owner told", "A02 A03 A05 A06 A08 M08"),
    ("Good mail is refused for good", "H s =", "V3", "Only ever 4yz under pressure", "R03 R05 O11"),
    ("Mail is late, and everybody knows", "Tl s =", "V2", "4yz or the queue, and a delay report", "R01 R09 P07 D08 S12"),
    ("Mail is late, and nobody knows", "Tl u ≠", "V3", "A delay report; the age of the queue is a figure", "R08 S15 P07"),
    ("The server stops", "H s =", "V2", "Started again within seconds, with its state", "R02 R04 R06 R11 S04 S05 S08 S11 T06 T08 A07 D09 B08 M01 M02 M03 M04 M07 R07 I01 I02 I03 I04 I05 I10 J01 J02 J03 V01 W14 W16 O09 P06 D11"),
    ("One slow peer stalls all", "Tl u ≠", "V2", "Destinations, links and sessions do not wait for each other", "S15 I05 I06 R08 B06"),
    ("A crash that comes again with its message", "E u =", "V3", "It is put aside after its third", "P11 M05"),
    ("We flood others", "E u =", "V3", "Refused in the session; caps an hour; loops are counted", "B01 B03 B04 B05 B07 D05 D11 S12"),
    ("Mail does something at the reader's", "C u ≠", "V4", "Put aside by what it is; shown as text where we show it", "M06 M08 M09 W01 W02 W03"),
    ("Mail runs on the server", "C u =", "V4", "Nothing is run; nobody could", "S10 W08 V02 O05 O06 O08"),
    ("Records lie", "C u ≠", "V2", "One line an event, escaped; each refusal has an id", "O02 D03 R10"),
    ("What was switched off is on", "C u =", "V4", "An unknown key is an error; old TLS is absent", "O04 T04 T05 W11 W10 S03 S09"),
)  # fmt: skip
"""What would be seen, its kind, the worst it can be, what it is turned into, and who would like to see it."""

MECHANISMS: dict[str, tuple[str, str, str, str]] = {
    "budget": ("A budget for each connection and message, from which every reader draws", "FP FT", "lib.budget.Budget", "Odd mail that is too large in some way is refused"),
    "strict": ("One framing: CRLF, no bare CR, LF or NUL; nothing may be waiting at STARTTLS", "FP", "standards.smtp.content.DotReader", "Broken programs cannot send"),
    "replaced": ("The transaction is one value, replaced and never mended", "FP", "mta.transaction.Transaction", "None known"),
    "durable": ("Durable before acknowledged; many share one commit", "FT", "storage.sqlite.writer.Writer", "Each message waits for a disk"),
    "once": ("A transfer that is repeated changes nothing", "FT", "mta.settling.settle", "A row is kept for each recipient"),
    "rates": ("Allowances by address, network, account and domain, in tables that do not grow", "FT", "filter.allowance.Allowance", "Many behind one address share what it may"),
    "reserve": ("Places, and disk, that strangers cannot take", "FT", "filter.connections.Census", "Strangers have a little less room"),
    "stress": ("Shorter patience while places are rare", "FT", "filter.connections.Census", "Slow honest peers must come again"),
    "worker": ("What is heavy or hostile is done by a process that can be killed and can do nothing else", "FT", "supervisor.workers.WorkerPool", "A full backlog defers mail"),
    "session": ("Refused while the sender is there; nothing is accepted that would come back", "FP", "mta.recipients.Recipients", "Every node must know every recipient"),
    "proof": ("SPF, DKIM, DMARC and ARC over one parse", "FP FT", "filter.sender.SenderCheck", "Questions to the DNS; forwarders that break signatures"),
    "canonical": ("Every plausible reading counts", "FP", "filter.content.looking.look", "What is ambiguous is held"),
    "scan": ("Content is looked at; who fails to look defers", "FT", "filter.boundary.Boundary", "A scanner that is away delays mail"),
    "loops": ("Hops are counted; reports answer no reports", "FT", "mta.bounce.Reporter", "A chain of more than 100 hops ends"),
    "queue": ("A queue by destination, with patience of days", "FT", "mta.manager.Manager", "Mail may be days late, and that is said"),
    "least": ("No shell, no program, no privilege, no place to write but its own", "FP", "supervisor.confine.confine", "Whoever extends the server must go through its ports"),
    "nodes": ("Equal nodes on a replicated database", "FT", "storage.postgresql.engine.PostgresStore", "More machines to look after"),
    "secrets": ("Verifiers instead of passwords, sealed keys, nothing of either in a log", "FP", "admd.vault.Vault", "A lost master key is a lost signature"),
    "accounts": ("One counter of failed logins for all doors, by account and network", "FT", "admd.authenticator.Authenticator", "Whoever mistypes often waits"),
    "neutral": ("The same words in the same time for known and unknown", "FP", "services.smtpd.open_smtp", "Diagnosis needs the id in the reply"),
    "lint": ("Errors for what is dangerous, said all at once; the house tries itself at each start", "FP", "supervisor.selftest.check_relay", "What is meant must be said twice"),
    "watch": ("A bill of materials, and advisories read against it", "FR", "ops.advisories.find", "Somebody must fetch the advisories"),
}  # fmt: skip
"""What it does, what kind of means that is, where to read it, and what it costs."""

TRUSTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("octets before a login", ("lib/*", "net/*", "standards/smtp/*", "standards/imap/reader.py", "standards/imap/standing.py", "standards/imap/server.py", "standards/pop3/*", "standards/sasl/*", "services/smtpd.py", "services/submissiond.py", "services/lmtpd.py", "services/pop3d/door.py", "services/pop3d/access.py", "services/imapd/access.py", "services/metricsd.py", "mta/reception.py", "mta/desk.py", "filter/connections.py", "admd/authenticator.py")),
    ("mail of strangers, in the server", ("standards/imf/*", "standards/mime/*", "standards/spf/*", "standards/dkim/*", "standards/arc/*", "standards/dmarc/*", "standards/authres/*", "standards/dns/*", "filter/*.py", "mta/receive.py", "mta/relaying.py", "mta/recipients.py", "mta/transaction.py", "mta/amend.py", "mta/intake.py", "mta/headercheck.py", "mda/*", "ms/describe.py")),
    ("mail of strangers, also in a worker", ("filter/content/*",)),
    ("anything as root", ("cli/serve.py", "cli/file.py", "supervisor/load.py", "supervisor/places.py", "supervisor/config.py", "supervisor/kinds.py", "supervisor/sections/*", "supervisor/privileges.py", "supervisor/nursery.py", "supervisor/zygote.py", "supervisor/masterkey.py", "supervisor/secrecy.py", "supervisor/floors.py")),
    ("the confinement of all others", ("supervisor/confine.py", "supervisor/landlock.py", "supervisor/seccomp.py", "supervisor/sandbox.py", "supervisor/worker.py", "supervisor/workers.py", "supervisor/zygote.py")),
)  # fmt: skip


def format_page() -> str:
    """The page as it should be."""
    return "".join(
        [HEAD, *_motives(), *_faults(), *_failures(), *_mechanisms(), *_weaknesses(), *_trusted(), *_entries()]
    )


def _motives() -> Iterator[str]:
    for sign, motive in MOTIVES.items():
        count = sum(sign in one.motives for one in CATALOGUE)
        yield f"| {sign} | {motive} | {count} |\n"


def _faults() -> Iterator[str]:
    yield (
        "\n## Faults\n\nThe viewpoints of a class: "
        + ", ".join(VIEWPOINTS)
        + ".\n\n| class | group | what | viewpoints |\n|---|---|---|---|\n"
    )
    for one in FAULT_CLASSES.values():
        yield f"| {one.code} | {one.group} | {one.title} | {', '.join(one.viewpoints)} |\n"
    yield "\n| fault | class | made use of by | stands against it |\n|---|---|---|---|\n"
    for fault, classes, ids, mechanisms in FAULTS:
        yield f"| {fault} | {', '.join(classes.split())} | {_links(ids)} | {_marks(mechanisms)} |\n"


def _failures() -> Iterator[str]:
    yield "\n## Failures\n\n| severity | means |\n|---|---|\n"
    yield from (f"| {severity} | {meaning} |\n" for severity, meaning in SEVERITIES.items())
    yield "\nC wrong content, Te early, Tl late, H halt, E erratic; s signalled, u not; = the same for all, ≠ not.\n"
    yield "\n| failure | kind | worst | turned into | wished for by |\n|---|---|---|---|---|\n"
    for failure, kind, severity, turned, ids in FAILURES:
        yield f"| {failure} | {kind} | {severity} | {turned} | {_links(ids)} |\n"


def _mechanisms() -> Iterator[str]:
    yield "\n## What stands against them\n\n" + ", ".join(f"{code} {word}" for code, word in MEANS.items()) + ".\n\n"
    yield "| | mechanism | means | where | what it costs |\n|---|---|---|---|---|\n"
    for name, (what, means, where, cost) in MECHANISMS.items():
        yield f"| {name} | {what} | {means} | `{where}` | {cost} |\n"


def _weaknesses() -> Iterator[str]:
    yield "\n## The weaknesses of the essay\n\n| | weakness | entries |\n|---|---|---|\n"
    for ident, (title, section) in WEAKNESSES.items():
        ids = " ".join(one.id for one in CATALOGUE if ident in one.essay)
        yield f"| {ident} | {title} (section {section}) | {_links(ids)} |\n"


def _trusted() -> Iterator[str]:
    yield "\n## How much code is trusted\n\nWithout comments, docstrings and empty lines, to the nearest 500"
    yield " (`python tools/threatmodel.py --lines` says more).\n\n| trusted with | lines |\n|---|---|\n"
    for title, patterns in TRUSTED:
        lines = sum(map(count_lines, _files(patterns)))
        yield f"| {title} | {max(500, round(lines / 500) * 500):,} |\n"


def _entries() -> Iterator[str]:
    scenarios = all_scenarios()
    yield "\n## The catalogue\n"
    for surface in SURFACES:
        ours = [one for one in CATALOGUE if one.surface == surface]
        if ours:
            yield f"\n### {surface}\n"
        for one in ours:
            yield f"\n#### {one.id} {one.title}\n\n{one.what} {one.why}\n\n{_standing(one, one.id in scenarios)}\n"


def _standing(one: Threat, is_drilled: bool) -> str:
    pair = f"{' '.join(one.attack)} < {' '.join(one.enabling)}; {one.failure}."
    if is_drilled:
        return f"{pair} `posthouse drill run {one.id}`: {one.how}"
    if one.needs:
        return f"{pair} Not drilled before there is {one.needs}: {one.how}"
    return f"{pair} Not drilled yet: {one.how}"


def slug(one: Threat) -> str:
    """The anchor of its heading."""
    return re.sub(r"[^\w\- ]", "", f"{one.id} {one.title}".lower()).replace(" ", "-")


def _links(ids: str) -> str:
    return " ".join(f"[{ident}](#{slug(BY_ID[ident])})" for ident in ids.split())


def _marks(names: str) -> str:
    return ", ".join(names.split())


def _files(patterns: Iterable[str]) -> list[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        for path in PACKAGE.glob(pattern):
            found |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return sorted(path for path in found if path.suffix == ".py")


def count_lines(path: Path) -> int:
    """Lines with code on them."""
    text = path.read_text("utf-8")
    lines: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            continue
        if isinstance(node, ast.stmt):
            end = node.end_lineno if not hasattr(node, "body") else node.lineno
            lines |= set(range(node.lineno, (end or node.lineno) + 1))
    return len(lines)


def main(arguments: list[str]) -> int:
    if "--lines" in arguments:
        for title, patterns in TRUSTED:
            files = _files(patterns)
            print(f"{sum(map(count_lines, files)):7,} lines in {len(files):3} files: {title}")
        return 0
    text = format_page()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != text:
        print("docs/threat-model.md: run python tools/threatmodel.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
