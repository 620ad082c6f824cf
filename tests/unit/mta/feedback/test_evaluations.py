"""What a row tells of one message: signatures by what they say, and "pass" where a policy asks for something."""

import pytest

from posthouse.filter.action import Action
from posthouse.filter.author import Author
from posthouse.filter.evidence import Evidence
from posthouse.filter.judge import Verdict
from posthouse.mail.address import Address
from posthouse.mta.feedback.evaluations import row_of
from posthouse.standards.dkim.verify import Result, Verification
from posthouse.standards.dmarc.evaluate import Evaluation, Identifier
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.dmarc.record import Policy


def evidence(*signatures: tuple[str, Result], policy: Policy = Policy.REJECT) -> Evidence:
    aligned = [domain for domain, result in signatures if result is Result.PASS and domain.endswith("far.test")]
    found = Evaluation(
        DmarcResult.PASS if aligned else DmarcResult.FAIL,
        "far.test",
        policy=policy,
        published=policy,
        aligned=tuple([Identifier("dkim", domain) for domain in aligned]),
    )
    return Evidence(
        author=Author(Address("a", "far.test"), ""),
        peer="192.0.2.1",
        helo="x",
        mail_from="",
        dkim=tuple([Verification(result, domain=domain) for domain, result in signatures]),
        dmarc=found,
    )


@pytest.mark.rfc(9990, "3.1.2", "SHOULD")
def test_signatures_that_say_most_come_first() -> None:
    given = evidence(
        ("", Result.PERMERROR),
        ("broken.test", Result.FAIL),
        ("list.test", Result.PASS),
        ("mail.far.test", Result.PASS),
        ("far.test", Result.PASS),
    )
    row = row_of(given, Verdict(Action.ACCEPT))
    assert [one.domain for one in row.dkim_results] == ["far.test", "mail.far.test", "list.test", "broken.test"]


@pytest.mark.parametrize(
    ("policy", "told"), [(Policy.NONE, "none"), (Policy.QUARANTINE, "pass"), (Policy.REJECT, "pass")]
)
def test_who_is_proven_passes_a_policy_that_asks_for_something(policy: Policy, told: str) -> None:
    row = row_of(evidence(("far.test", Result.PASS), policy=policy), Verdict(Action.ACCEPT))
    assert (row.disposition, row.overrides) == (told, ())
