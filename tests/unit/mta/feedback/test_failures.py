"""Single messages that failed: told only when that is wanted by both sides, about nobody's letters, and not often."""

import re

import pytest

from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary
from posthouse.filter.clue import Clue
from posthouse.filter.judge import Policy
from posthouse.filter.letter import Letter
from posthouse.filter.ports import Opinion
from posthouse.filter.sender import SenderCheck
from posthouse.mta.feedback import failures
from posthouse.mta.feedback.letters import Sign
from posthouse.mta.feedback.reading import read_message
from posthouse.standards.dns.ports import DnsTrouble
from posthouse.supervisor.sections.senders import ReportsSection

BAD = "198.18.0.66"


async def told(scene) -> list[tuple[str, bytes]]:
    """What went out since the beginning: to whom, and the mail."""
    await scene.feedback.failures.send()
    blobs = scene.office.store.blobs
    return [
        (str(item.recipient.address), item.content.prefix + await blobs.read(item.content.blob.blob_id))
        for item in await scene.office.queue()
    ]


def letter(more: str = "", subject: str = "hi") -> bytes:
    return (
        f"From: <anna@far.test>\r\nTo: <bob@office.test>\r\nSubject: {subject}\r\n{more}\r\nsecret words\r\n".encode()
    )


def wants(scene, record: str) -> None:
    """What far.test publishes from now on."""
    scene.zone.names = {**scene.zone.names, "_dmarc.far.test": {"txt": (record.encode(),)}}
    scene.office.clock.pass_time(3600)


@pytest.fixture
async def failing(scene):
    """Reports are switched on, and far.test wants them."""
    wants(scene, "v=DMARC1; p=reject; ruf=mailto:ruf@far.test")
    scene.feedback.failures.wanted = True
    return scene


async def test_nothing_is_told_unless_it_is_switched_on(failing) -> None:
    failing.feedback.failures.wanted = False
    assert (await failing.mail("anna@far.test", peer=BAD)).startswith("550")
    assert await told(failing) == []


@pytest.mark.rfc(9991, "2", "SHOULD")
async def test_the_owner_hears_of_a_message_that_failed(failing) -> None:
    assert (await failing.mail("anna@far.test", peer=BAD)).startswith("550")
    ((to, mail),) = await told(failing)
    assert to == "ruf@far.test"
    assert b'From: "office.test" <postmaster@office.test>\r\n' in mail
    assert b"Auto-Submitted: auto-generated\r\n" in mail
    (report,) = read_message(mail, 0).reports
    assert (report.kind, report.domain) == ("report.failure", "far.test")
    for line in (
        b"Auth-Failure: dmarc", b"Identity-Alignment: dkim, spf", b"Delivery-Result: reject",
        b"Source-IP: 198.18.0.66", b"Reported-Domain: far.test", b"Original-Mail-From: <anna@far.test>",
        b"Arrival-Date: Fri, 20 Nov 2026 13:00:00 +0000", b'SPF-DNS: txt : far.test : "v=spf1 ip4:192.0.2.9 -all"',
    ):  # fmt: skip
        assert line + b"\r\n" in mail
    assert b"dmarc=fail" in mail
    assert b"bob@" not in mail
    assert b"hello" not in mail, "the body is nobody's business"
    (item,) = await failing.office.queue()
    assert item.reverse_path == ""


async def test_a_message_that_passes_is_told_of_only_if_the_domain_wants_that(failing) -> None:
    assert (await failing.mail("anna@far.test")).startswith("250")
    assert await told(failing) == []
    wants(failing, "v=DMARC1; p=reject; fo=1; ruf=mailto:ruf@far.test")
    await failing.mail("anna@far.test", content=letter(subject="again"))
    ((_, mail),) = await told(failing)
    assert b"Identity-Alignment: dkim\r\n" in mail
    assert b"Delivery-Result: delivered\r\n" in mail


async def test_a_road_that_failed_is_told_of_alone(failing) -> None:
    wants(failing, "v=DMARC1; p=none; fo=s; ruf=mailto:ruf@far.test")
    await failing.mail("anna@far.test", peer=BAD)
    ((_, mail),) = await told(failing)
    assert b"Auth-Failure: spf\r\n" in mail
    assert b"spf=fail" in mail
    assert b"dmarc=" not in mail


async def test_a_signature_that_failed_is_told_of_alone(failing) -> None:
    wants(failing, "v=DMARC1; p=none; fo=d; ruf=mailto:ruf@far.test")
    await failing.mail("anna@far.test", content=letter())
    assert await told(failing) == []
    signed = "DKIM-Signature: v=1; a=rsa-sha256; d=far.test; s=s1; h=from; bh=YQ==; b=YQ==\r\n"
    await failing.mail("anna@far.test", content=letter(signed))
    ((_, mail),) = await told(failing)
    assert b"Auth-Failure: signature\r\n" in mail
    assert b"DKIM-Domain: far.test\r\n" in mail
    assert b"DKIM-Selector: s1\r\n" in mail


@pytest.mark.rfc(9991, "4", "MUST")
@pytest.mark.parametrize(
    ("signers", "domain", "identity"),
    [
        (("list.test", "mail.far.test"), "mail.far.test", "@mail.far.test"),
        (("mail.far.test", "far.test; i=anna@sub.far.test"), "far.test", "@sub.far.test"),
        (("list.test", "else.test"), "list.test", "@list.test"),
    ],
)
async def test_of_signatures_that_failed_the_one_that_might_have_helped_is_told_of(
    failing, signers, domain, identity
) -> None:
    lines = (f"DKIM-Signature: v=1; a=rsa-sha256; d={one}; s=s1; h=from; bh=YQ==; b=YQ==\r\n" for one in signers)
    await failing.mail("anna@far.test", peer=BAD, content=letter("".join(lines)))
    ((_, mail),) = await told(failing)
    assert f"DKIM-Domain: {domain}\r\n".encode() in mail
    assert f"DKIM-Identity: {identity}\r\n".encode() in mail


async def test_equal_failures_are_one_report(failing) -> None:
    for _ in range(4):
        await failing.mail("anna@far.test", peer=BAD)
    ((_, mail),) = await told(failing)
    assert b"Incidents: 4\r\n" in mail


@pytest.mark.rfc(9991, "5", "MUST")
async def test_strangers_get_reports_only_if_they_agreed(failing) -> None:
    wants(failing, "v=DMARC1; p=reject; ruf=mailto:v@victim.test,mailto:d@agreed.test,mailto:d@moved.test")
    failing.publish("far.test._report._dmarc.agreed.test", "v=DMARC1")
    failing.publish("far.test._report._dmarc.moved.test", "v=DMARC1; rua=mailto:no@moved.test; ruf=mailto:n@moved.test")
    await failing.mail("anna@far.test", peer=BAD)
    assert {to for to, _ in await told(failing)} == {"d@agreed.test", "n@moved.test"}


async def test_an_address_gets_nothing_that_is_too_large_for_it(failing) -> None:
    wants(failing, "v=DMARC1; p=reject; ruf=mailto:small@far.test!1k,mailto:large@far.test!10m")
    await failing.mail("anna@far.test", peer=BAD)
    ((to, mail),) = await told(failing)
    assert to == "large@far.test"
    assert b"small@" not in mail


@pytest.mark.rfc(9991, "2", "MUST NOT")
async def test_a_registry_hears_nothing_of_the_mail_of_others(failing) -> None:
    failing.publish("_dmarc.registry.test", "v=DMARC1; p=reject; psd=y; ruf=mailto:ruf@registry.test")
    content = b"From: <a@new.registry.test>\r\nTo: <bob@office.test>\r\nSubject: hi\r\n\r\nhello\r\n"
    assert (await failing.mail("a@new.registry.test", peer=BAD, content=content)).startswith("550")
    assert await told(failing) == []


@pytest.mark.parametrize(
    ("sender", "more"),
    [
        ("", ""),
        ("anna@far.test", "Auto-Submitted: auto-replied\r\n"),
        ("anna@far.test", "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n"),
        ("bob@office.test", ""),
    ],
)
async def test_nothing_is_told_of_what_would_never_end(failing, sender: str, more: str) -> None:
    await failing.mail(sender, peer=BAD, content=letter(more))
    assert await told(failing) == []


async def test_nothing_is_told_of_our_own_domains(failing) -> None:
    failing.publish("_dmarc.office.test", "v=DMARC1; p=reject; ruf=mailto:ruf@office.test")
    await failing.mail("bob@office.test", peer=BAD)
    assert await told(failing) == []


async def test_a_forger_does_not_set_the_pace(failing) -> None:
    for turn in range(3):
        for number in range(failures.MOST_AN_HOUR):
            await failing.mail("anna@far.test", peer=f"198.18.0.{turn * 50 + number + 1}")
        assert len(await told(failing)) == failures.MOST_AN_HOUR
    failing.office.clock.pass_time(3700)
    await failing.mail("anna@far.test", peer=BAD)
    assert len(await told(failing)) == failures.MOST_AN_HOUR + 1


async def test_many_domains_make_no_cannon_of_us(failing, monkeypatch) -> None:
    monkeypatch.setattr(failures, "MOST_A_DAY", 2)
    for name in ("one", "two", "three"):
        failing.publish(f"_dmarc.{name}.test", f"v=DMARC1; p=reject; ruf=mailto:ruf@{name}.test")
        await failing.mail(f"a@{name}.test", peer=BAD)
    assert len(await told(failing)) == 2
    for number in range(5):
        await failing.mail("anna@far.test", peer=f"198.18.1.{number}")
    assert len(await told(failing)) == 2
    assert [entry.event for entry in failing.office.journal.entries].count("report.too-many") == 1
    failing.office.clock.pass_time(86400)
    await failing.mail("anna@far.test", peer=BAD)
    assert len(await told(failing)) == 3


async def test_what_waits_is_bounded(failing, monkeypatch) -> None:
    monkeypatch.setattr(failures, "MOST_WAITING", 3)
    for number in range(5):
        failing.publish(f"_dmarc.d{number}.test", f"v=DMARC1; p=reject; ruf=mailto:ruf@d{number}.test")
        await failing.mail(f"a@d{number}.test", peer=BAD)
    assert len(await told(failing)) == 3


async def test_trouble_with_the_dns_ends_a_report_and_nothing_else(failing, monkeypatch) -> None:
    async def nobody(*_: object) -> None:
        raise DnsTrouble("no answer")

    await failing.mail("anna@far.test", peer=BAD)
    monkeypatch.setattr(failures, "find_failure_destinations", nobody)
    assert await told(failing) == []
    assert "report.failure-untold" in [entry.event for entry in failing.office.journal.entries]


def test_who_sends_none_has_nobody_watching(scene) -> None:
    feedback = scene.feedback
    assert feedback.failures not in feedback.witnesses
    feedback.adopt(ReportsSection(failures=True, send=False))
    assert feedback.failures in feedback.witnesses
    assert feedback.failures.wanted
    feedback.adopt(ReportsSection())
    assert not feedback.failures.wanted


async def test_what_is_hidden_stays_hidden_and_the_same_in_every_report(failing) -> None:
    words = []
    for number in range(2):
        await failing.mail("anna@far.test", peer=f"198.18.0.{number + 1}")
    for _, mail in await told(failing):
        words += re.findall(rb"To: <(redacted-\S+)@office.test>", mail)
    assert len(words) == 2
    assert len(set(words)) == 1


async def test_a_long_header_is_cut(failing) -> None:
    more = "".join(f"X-{number}: {'x' * 200}\r\n" for number in range(600))
    more = more[: failures.MOST_HEADER - 100] + "\r\nCc: <" + "bob" * 100 + "@office.test>\r\n"
    await failing.mail("anna@far.test", peer=BAD, content=letter(more))
    ((_, mail),) = await told(failing)
    assert b"bobbob" not in mail, "half an address is not known as one"
    assert len(mail) < 2 * failures.MOST_HEADER
    assert mail.rstrip().endswith(b"--")


class _Later:
    """Implements ``filter.ports.Examiner``: not now."""

    name = "later"

    def examine(self, letter: Letter) -> Opinion:
        return Opinion((Clue("later", "later.busy", "come again", action=Action.DEFER),))


async def test_mail_that_comes_again_is_told_of_then(failing) -> None:
    wants(failing, "v=DMARC1; p=none; ruf=mailto:ruf@far.test")
    office, witnesses = failing.office, (failing.feedback.failures,)
    policy = Policy()
    check = SenderCheck(failing.zone, office.clock, authserv_id="mx.office.test", policy=lambda: policy)
    office.boundary = Boundary(check, [_Later()], journal=office.journal, witnesses=witnesses)
    assert (await failing.mail("anna@far.test", peer=BAD)).startswith("4")
    assert await told(failing) == []
    office.boundary = Boundary(check, journal=office.journal, witnesses=witnesses)
    assert (await failing.mail("anna@far.test", peer=BAD)).startswith("250")
    assert len(await told(failing)) == 1


async def test_all_nodes_together_tell_no_more(failing) -> None:
    office, feedback = failing.office, failing.feedback
    other = failures.Failures(
        office.intake, failing.zone, hostname="mx2.office.test", clock=office.clock, ids=office.ids,
        journal=office.journal, sign=lambda: Sign("Office", "postmaster@office.test"),
        is_own=office.directory.is_local_domain,
    )  # fmt: skip
    other.wanted = True
    policy = Policy()
    check = SenderCheck(failing.zone, office.clock, authserv_id="mx.office.test", policy=lambda: policy)
    for witness in (feedback.failures, other):
        office.boundary = Boundary(check, journal=office.journal, witnesses=(witness,))
        for number in range(failures.MOST_AN_HOUR - 2):
            await failing.mail("anna@far.test", peer=f"198.18.0.{number + 1}")
        await witness.send()
    assert len(await office.queue()) == failures.MOST_AN_HOUR
