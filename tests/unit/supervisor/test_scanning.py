"""Scanners of the configuration: what may be written, and who stays who he is at a reload."""

import pytest

from posthouse.filter.action import Action
from posthouse.filter.scanners.early import MilterScanner
from posthouse.filter.scanners.scanner import Scanner
from posthouse.filter.scanners.terms import Scope
from posthouse.observe.metrics import PrometheusMeter
from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.sample import format_configuration
from posthouse.supervisor.scanning import build_scanners, milters_of, terms_of
from posthouse.supervisor.sections.boundary import ScannerSection
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

WHOLE = """
[[scanner]]
kind = "clamd"
address = "unix:/run/clamav/clamd.ctl"
timeout = "20s"
on_failure = "quarantine"
on_virus = "quarantine"
scope = "in"
at_once = 3
largest = "20MiB"

[[scanner]]
kind = "milter"
name = "opendkim"
address = "127.0.0.1:8891"
"""


def test_what_may_be_written() -> None:
    clamd, milter = map(terms_of, parse(f'hostname = "a"\n{WHOLE}').scanner)
    assert (clamd.name, clamd.kind, str(clamd.place)) == ("clamd", "clamd", "unix:/run/clamav/clamd.ctl")
    assert (clamd.on_failure, clamd.on_virus) == (Action.QUARANTINE, Action.QUARANTINE)
    assert (clamd.scope, clamd.at_once, clamd.largest, clamd.seconds) == (Scope.IN, 3, 20 * 2**20, 20.0)
    assert (milter.name, milter.on_failure, milter.scope) == ("opendkim", Action.DEFER, Scope.BOTH)


def test_what_is_in_force_can_be_read_back() -> None:
    configuration = parse(f'hostname = "a"\n{WHOLE}')
    assert parse(format_configuration(configuration)).scanner == configuration.scanner


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('kind = "clamd"\naddress = "nowhere"', "neither HOST:PORT nor unix:/PATH"),
        ('kind = "spamd"\naddress = "/x"', "kind"),
        ('kind = "clamd"', "is missing"),
        ('kind = "clamd"\naddress = "/x"\ntimeout = "5m"', "less than 110"),
        ('kind = "clamd"\naddress = "/x"\non_failure = "pass"', "on_failure"),
        ('kind = "clamd"\naddress = "/x"\nname = "Two Words"', "name"),
        ('kind = "icap"\naddress = "/x"\nservice = "a b"', "service"),
        ('kind = "clamd"\naddress = "/x"\n[[scanner]]\nkind = "clamd"\naddress = "/y"', "is called clamd too"),
    ],
)
def test_what_may_not(lines: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse(f'hostname = "a"\n[[scanner]]\n{lines}\n')
    assert problem in " ".join(map(str, caught.value.complaints))


def built(before: dict[str, Scanner], *sections: ScannerSection) -> dict[str, Scanner]:
    return build_scanners(
        sections, before, clock=ManualClock(), journal=KeptJournal(), meter=PrometheusMeter(), hostname="mx"
    )


@pytest.mark.parametrize("kind", ["clamd", "rspamd", "milter", "icap"])
def test_every_kind_is_made(kind: str) -> None:
    made = built({}, ScannerSection(kind=kind, address="/x"))
    assert list(made) == [kind]
    assert len(milters_of(made)) == isinstance(made[kind], MilterScanner) == (kind == "milter")


def test_at_a_reload_who_has_not_changed_stays_who_he_is() -> None:
    same, other = ScannerSection(kind="clamd", address="/x"), ScannerSection(kind="rspamd", address="/y")
    before = built({}, same, other)
    after = built(before, same, other.model_copy(update={"timeout": 5.0}))
    assert after["clamd"] is before["clamd"]
    assert after["rspamd"] is not before["rspamd"]
    assert list(built(after, same)) == ["clamd"]
