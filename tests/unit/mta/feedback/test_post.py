"""Reports over days: who is told what, when, and how often."""

import gzip
import re
from base64 import b64decode

import pytest

from posthouse.mta.feedback import post as posting
from posthouse.mta.feedback.sent import told
from posthouse.standards.dmarcreport.read import parse_report
from posthouse.storage.errors import StorageError

DAY = 86400


def packed(octets: bytes) -> bytes:
    """What is in the attachment of a report mail."""
    found = re.search(rb"base64\r\n.*?\r\n\r\n(.*?)\r\n--", octets, re.DOTALL)
    assert found is not None
    return gzip.decompress(b64decode(found[1]))


async def queued(scene) -> list[tuple[str, bytes]]:
    items = await scene.office.queue()
    blobs = scene.office.store.blobs
    return [
        (str(item.recipient.address), item.content.prefix + await blobs.read(item.content.blob.blob_id))
        for item in items
    ]


async def test_a_day_is_told_the_next_morning_once(scene) -> None:
    for _ in range(3):
        assert (await scene.mail("anna@far.test")).startswith("250")
    assert (await scene.mail("anna@far.test", peer="198.18.0.66")).startswith("550")
    assert await scene.send() == []
    await scene.wind(DAY / 2)
    assert await scene.send() == []
    await scene.wind(5 * 3600)
    (sent,) = await scene.send()
    assert (sent.domain, sent.state, sent.messages, sent.rows, sent.to) == (
        "far.test", "sent", 4, 2, ("dmarc@far.test",),
    )  # fmt: skip
    ((to, mail),) = await queued(scene)
    assert to == "dmarc@far.test"
    assert b"Auto-Submitted: auto-generated\r\n" in mail
    report = parse_report(packed(mail))
    assert (report.organization, report.email) == ("office.test", "postmaster@office.test")
    assert (report.begin, report.end) == (1_795_132_800, 1_795_219_199)
    assert (report.published.domain, report.published.p) == ("far.test", "reject")
    good, bad = report.rows
    assert (good.source, good.count, good.disposition, good.spf, good.dkim) == ("192.0.2.9", 3, "pass", "pass", "fail")
    assert (bad.source, bad.count, bad.disposition, bad.spf) == ("198.18.0.66", 1, "reject", "fail")
    assert bad.spf_results[0].result == "fail"
    await scene.wind(3 * DAY)
    assert await scene.send() == []
    assert [one.state async for one in told(scene.office.store, "dmarc.row")] == ["sent"]


async def test_it_goes_out_with_the_null_reverse_path_as_a_report(scene) -> None:
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    await scene.send()
    (item,) = await scene.office.queue()
    assert (item.reverse_path, item.is_report) == ("", True)


async def test_each_of_three_days_is_told_for_itself(scene) -> None:
    for _ in range(3):
        await scene.mail("anna@far.test")
        await scene.wind(DAY)
        await scene.send()
    await scene.wind(DAY)
    await scene.send()
    assert sorted([one.day async for one in told(scene.office.store, "dmarc.row")]) == [
        "2026-11-20", "2026-11-21", "2026-11-22",
    ]  # fmt: skip
    assert len(await queued(scene)) == 3


async def test_a_thousand_addresses_are_two_recipients_of_one_mail(scene) -> None:
    many = ",".join(f"mailto:u{at}@far.test" for at in range(1000))
    scene.zone.names = {**scene.zone.names, "_dmarc.far.test": {"txt": (f"v=DMARC1; p=none; rua={many}".encode(),)}}
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    (sent,) = await scene.send()
    assert len(sent.to) == 2
    assert len({mail for _, mail in await queued(scene)}) == 1


async def test_who_did_not_agree_gets_nothing(scene) -> None:
    rua = "mailto:victim@elsewhere.test, mailto:yes@agreed.test, https://far.test/reports"
    scene.zone.names = {**scene.zone.names, "_dmarc.far.test": {"txt": (f"v=DMARC1; p=none; rua={rua}".encode(),)}}
    scene.publish("far.test._report._dmarc.agreed.test", "v=DMARC1")
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    (sent,) = await scene.send()
    assert sent.to == ("yes@agreed.test",)
    assert sorted(sent.left_out) == [
        "https://far.test/reports: only mailto: can be sent to",
        "victim@elsewhere.test: its domain did not agree",
    ]


async def test_a_report_larger_than_its_reader_takes_is_not_sent(scene) -> None:
    rua = b"v=DMARC1; p=none; rua=mailto:small@far.test!1k"
    scene.zone.names = {**scene.zone.names, "_dmarc.far.test": {"txt": (rua,)}}
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    (sent,) = await scene.send()
    assert (sent.state, sent.to) == ("too large", ())
    assert await queued(scene) == []


async def test_nobody_is_told_who_does_not_ask(scene) -> None:
    scene.publish("_dmarc.shy.test", "v=DMARC1; p=none")
    scene.publish("_dmarc.web.test", "v=DMARC1; p=none; rua=https://web.test/x")
    await scene.mail("a@shy.test")
    await scene.mail("a@web.test")
    await scene.mail("a@nothing.test")
    await scene.wind(DAY)
    assert [(one.domain, one.state) for one in await scene.send()] == [("web.test", "refused")]
    assert await queued(scene) == []


async def test_what_was_deferred_is_counted_when_it_comes_again(scene) -> None:
    scene.zone.broken = frozenset({"far.test"})
    assert (await scene.mail("anna@far.test")).startswith("451")
    await scene.wind(DAY)
    assert await scene.send() == []


async def test_a_dead_dns_is_asked_again_for_three_days(scene) -> None:
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    scene.zone.broken = frozenset({"_dmarc.far.test"})
    assert await scene.send() == []
    await scene.wind(DAY)
    assert [one.state for one in await scene.send(dry=True)] == ["waits: _dmarc.far.test: SERVFAIL"]
    scene.zone.broken = frozenset()
    assert [one.state for one in await scene.send()] == ["sent"]
    await scene.mail("anna@far.test")
    scene.zone.broken = frozenset({"_dmarc.far.test"})
    await scene.wind(5 * DAY)
    assert [one.state for one in await scene.send()] == ["gave up"]


async def test_a_crash_between_sending_and_marking_sends_no_second(scene, monkeypatch) -> None:
    await scene.mail("anna@far.test")
    await scene.wind(DAY)

    async def die(*_: object) -> None:
        raise StorageError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(posting.Post, "_close", die)
        with pytest.raises(StorageError):
            await scene.send()
    assert [one.state for one in await scene.send()] == ["sent"]
    assert len(await queued(scene)) == 1


async def test_a_dry_run_says_the_same_and_changes_nothing(scene) -> None:
    await scene.mail("anna@far.test")
    (planned,) = await scene.send(early=True, dry=True)
    assert (planned.state, planned.to, planned.messages) == ("due", ("dmarc@far.test",), 1)
    assert await queued(scene) == []
    (sent,) = await scene.send(early=True)
    assert sent.octets == planned.octets


async def test_what_comes_after_an_early_report_is_told_by_a_second(scene) -> None:
    await scene.mail("anna@far.test")
    await scene.send(early=True)
    await scene.wind(10)
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    (sent,) = await scene.send()
    assert sent.messages == 1
    first, second = [parse_report(packed(mail)) for _, mail in await queued(scene)]
    assert first.end < second.begin


async def test_forgeries_of_our_own_name_are_kept_without_a_mail(scene) -> None:
    scene.publish("_dmarc.office.test", "v=DMARC1; p=reject; rua=mailto:postmaster@office.test")
    assert (await scene.mail("boss@office.test", peer="198.18.0.66")).startswith("550")
    await scene.wind(DAY)
    assert [one.state for one in await scene.send()] == ["kept"]
    assert await queued(scene) == []
    from posthouse.mta.feedback.arrived import DMARC, stored

    (kept,) = [one async for one in stored(scene.office.store, DMARC)]
    assert (kept.domain, kept.senders[0].source, kept.senders[0].count) == ("office.test", "198.18.0.66", 1)


async def test_only_who_holds_the_lease_sends(scene) -> None:
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    assert await scene.feedback.send_due("one") == 1
    await scene.mail("anna@far.test")
    await scene.wind(DAY - 890)
    now = int(scene.office.clock.now() * 1000)
    await scene.office.store.lease("reports", "one", now, now + 900_000)
    assert await scene.feedback.send_due("two") == 0
    scene.office.clock.pass_time(901)
    assert await scene.feedback.send_due("two") == 1


async def test_nothing_is_gathered_nor_sent_when_it_is_switched_off(scene) -> None:
    from posthouse.supervisor.sections.senders import ReportsSection

    scene.feedback.adopt(ReportsSection(send=False))
    await scene.mail("anna@far.test")
    await scene.wind(DAY)
    assert await scene.feedback.send_due("one") == 0
    assert await scene.send() == []


async def test_tls_is_told_to_who_asks_for_it(scene) -> None:
    scene.publish("_smtp._tls.far.test", "v=TLSRPTv1; rua=mailto:tls@far.test,https://far.test/tls")
    for _ in range(5):
        scene.feedback.sessions.saw("far.test", "mx.far.test", "192.0.2.25", "")
    scene.feedback.sessions.saw("far.test", "mx2.far.test", "192.0.2.26", "starttls-not-supported")
    scene.feedback.sessions.saw("quiet.test", "mx.quiet.test", "192.0.2.27", "")
    await scene.wind(DAY)
    sent = {one.domain: one for one in await scene.send()}
    assert (sent["far.test"].state, sent["quiet.test"].state) == ("sent", "unwanted")
    assert sent["far.test"].to == ("tls@far.test",)
    (left_out,) = sent["far.test"].left_out
    assert left_out.startswith("https://far.test/tls: ")
    ((_, mail),) = await queued(scene)
    assert b'"total-successful-session-count":5' in packed(mail)
    assert b'"result-type":"starttls-not-supported"' in packed(mail)
    assert b"TLS-Report-Domain: far.test\r\n" in mail


async def test_what_nobody_takes_is_tried_each_hour_for_three_days(scene) -> None:
    scene.publish("_smtp._tls.far.test", "v=TLSRPTv1; rua=https://far.test/tls")
    scene.zone.names = {**scene.zone.names, "far.test": {"a": ("8.8.8.8",)}}
    dialer = scene.feedback.post._delivery._web._dialer
    scene.feedback.sessions.saw("far.test", "mx.far.test", "192.0.2.25", "")
    await scene.wind(DAY)
    for _ in range(12):
        assert await scene.send() == []
        scene.office.clock.pass_time(600)
    assert dialer.dialed == ["8.8.8.8", "8.8.8.8"]
    scene.office.clock.pass_time(3 * DAY)
    assert [one.state for one in await scene.send()] == ["gave up"]


async def test_a_flood_of_kinds_is_told_within_bounds(scene) -> None:
    """Five hundred addresses that lie in one name: one mail, every one of them counted."""
    scene.zone.remembers = False
    for at in range(500):
        assert (await scene.mail("anna@far.test", peer=f"198.18.{at >> 8}.{at & 255}")).startswith("550")
        scene.office.clock.pass_time(7)  # the rates know such floods too
    await scene.wind(DAY)
    (sent,) = await scene.send()
    assert (sent.state, sent.messages, sent.rows) == ("sent", 500, 500)
    assert sent.octets < 30_000


async def test_a_policy_that_was_overridden_says_why(scene) -> None:
    """A seal that we believe, a sender that is welcome, a policy on trial: the words of RFC 9990."""
    from posthouse.filter.judge import Policy

    scene.publish("_dmarc.trial.test", "v=DMARC1; p=reject; t=y; rua=mailto:d@trial.test")
    check = scene.office.boundary._check
    check._policy = lambda: Policy(welcome=frozenset({"far.test"}))
    assert (await scene.mail("anna@far.test", peer="198.18.0.66")).startswith("250")
    assert (await scene.mail("anna@trial.test", peer="198.18.0.66")).startswith("250")
    await scene.wind(DAY)
    await scene.send()
    reports = {
        report.published.domain: report for report in [parse_report(packed(mail)) for _, mail in await queued(scene)]
    }
    (row,) = reports["far.test"].rows
    assert (row.disposition, [one.type for one in row.overrides]) == ("none", ["local_policy"])
    (row,) = reports["trial.test"].rows
    assert (row.disposition, [one.type for one in row.overrides]) == ("quarantine", ["policy_test_mode"])
    assert reports["trial.test"].published.testing == "y"


async def test_an_address_that_is_none_holds_nobody_up(scene) -> None:
    """Whoever published it had the sending of all reports raise, each time, for ever."""
    scene.publish("_dmarc.aaa.test", "v=DMARC1; p=none; rua=mailto:a..b@aaa.test")
    for author in ("x@aaa.test", "anna@far.test"):
        await scene.mail(author)
    await scene.wind(2 * DAY)
    assert [(one.domain, one.state) for one in await scene.send()] == [("aaa.test", "refused"), ("far.test", "sent")]
