"""All doors, and the offices behind them; made at start, and anew when the configuration has changed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from posthouse.admd.limits import Limits
from posthouse.admd.passwords import PasswordPolicy
from posthouse.filter.boundary import Boundary
from posthouse.filter.networks import Networks
from posthouse.lib.sansio import Conversation
from posthouse.msa.submit import Submission
from posthouse.mta.amend import Amend
from posthouse.mta.desk import Desk, Office
from posthouse.mta.receive import Receiver
from posthouse.mta.recipients import Recipients
from posthouse.mta.refusals import Refusals
from posthouse.mta.relaying import Relaying
from posthouse.mta.sealing import Sealer
from posthouse.net.listener import OpenDoor
from posthouse.net.ports import Door, Line
from posthouse.services.imapd.door import Imapd
from posthouse.services.lmtpd import open_lmtp
from posthouse.services.metricsd import HttpOnce, MetricsDoor
from posthouse.services.pop3d.door import open_pop3
from posthouse.services.pop3d.session import Pop3d
from posthouse.services.smtpd import open_smtp
from posthouse.services.submissiond import open_submission
from posthouse.standards.imap.offer import Offer as ImapOffer
from posthouse.standards.smtp.offer import Offer
from posthouse.supervisor.breached import read_breached
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.guarding import adopt
from posthouse.supervisor.judging import build_boundary
from posthouse.supervisor.scanning import milters_of
from posthouse.supervisor.works import Setting, Tools, Works

LMTP_MESSAGES = 1_000_000
"""On one connection: whoever may connect is a program of ours."""


def open_doors(works: Works, setting: Setting, tools: Tools) -> None:
    """All doors, made anew: at start, and when the configuration has changed."""
    adopt_rules(works, setting, tools)
    boundary, outbound = build_boundary(works, setting, tools)
    add_mail_doors(works, setting, tools, boundary)
    add_submission_doors(works, setting, tools, outbound)
    add_access_doors(works, setting, tools)
    add_metrics_door(works, tools)


def adopt_rules(works: Works, setting: Setting, tools: Tools) -> None:
    """What offices that stay go by from now on."""
    adopt(
        works.guards,
        setting.configuration,
        tools.limits,
        store=works.store,
        resolver=works.resolver,
        clock=tools.clock,
        journal=tools.journal,
    )
    for one in (works.authenticator, works.intake, works.manager):
        one.adopt(tools.limits)
    passwords = setting.configuration.passwords
    works.authenticator.policy = PasswordPolicy(
        refuses=passwords.weak == "refuse",
        grace_seconds=passwords.grace,
        is_breached=read_breached(passwords.breached, tools.journal),
    )
    works.feedback.adopt(setting.configuration.reports)
    taught = setting.configuration.filter.classifier
    works.school.adopt(
        is_open=taught.use,
        learns=taught.learn,
        minimum=taught.minimum,
        most_a_day=tools.limits.classifier_lessons_day,
    )
    works.welcome.adopt(most=tools.limits.imap_account_connections, failures=tools.limits.auth_failures)


def add_mail_doors(works: Works, setting: Setting, tools: Tools, boundary: Boundary) -> None:
    """Smtpd and lmtpd."""
    configuration, limits = setting.configuration, tools.limits
    offer = offer_of(configuration, limits, starttls=configuration.tls.certificate is not None)
    relay = Networks(configuration.relay.networks, wide=configuration.relay.wide_networks)
    office = receiver_of(works, setting, tools, boundary, local_only=False)
    works.doors["smtp"] = partial(open_smtp, desk_of("smtp", office, offer, works, tools, relay))
    offer = offer_of(configuration, limits, lmtp=True, messages_max=LMTP_MESSAGES)
    office = receiver_of(works, setting, tools, boundary, local_only=True)
    works.doors["lmtp"] = partial(open_lmtp, desk_of("lmtp", office, offer, works, tools))


def receiver_of(works: Works, setting: Setting, tools: Tools, boundary: Boundary, *, local_only: bool) -> Receiver:
    """The office behind smtpd, and with ``local_only`` the one behind lmtpd, which asks nothing of our own programs."""
    configuration, limits, guards = setting.configuration, tools.limits, works.guards
    admission = None if local_only else guards.admission()
    rule = Relaying(works.directory, limits, guards.rates, works.space, local_only=local_only)
    milters = milters_of(works.scanners)
    return Receiver(
        works.intake,
        Recipients(rule.judge, works.directory, limits, admission=admission, milters=milters),
        hostname=configuration.hostname,
        clock=tools.clock,
        ids=tools.ids,
        limits=limits,
        rates=guards.rates,
        space=works.space,
        admission=admission,
        local_only=local_only,
        boundary=boundary,
        sealer=Sealer(works.ring, tools.clock, configuration.hostname) if configuration.arc.seal else None,
        amend=Amend(works.store.blobs),
    )


def add_submission_doors(works: Works, setting: Setting, tools: Tools, boundary: Boundary) -> None:
    """Submissiond with STARTTLS and with TLS from the first octet; nothing without a certificate."""
    configuration, limits, authenticator = setting.configuration, tools.limits, works.authenticator
    if configuration.tls.certificate is None:
        return
    office = submission_of(works, setting, tools, boundary)
    offer = offer_of(
        configuration,
        limits,
        starttls=True,
        mechanisms=authenticator.mechanisms,
        messages_max=limits.submission_messages,
        recipients_max=limits.submission_recipients,
    )
    for name in ("submission", "submissions"):
        desk = desk_of(name, office, offer, works, tools)
        works.doors[name] = partial(open_submission, desk, authenticator=authenticator)


def submission_of(works: Works, setting: Setting, tools: Tools, boundary: Boundary) -> Submission:
    """The office behind submissiond, on both its ports."""
    return Submission(
        works.intake,
        works.directory,
        hostname=setting.configuration.hostname,
        clock=tools.clock,
        ids=tools.ids,
        limits=tools.limits,
        rates=works.guards.rates,
        accounts=works.guards.account_rates,
        space=works.space,
        boundary=boundary,
        amend=Amend(works.store.blobs),
        milters=milters_of(works.scanners),
        signer=works.signer,
        custody=works.custody,
    )


def desk_of(name: str, office: Office, offer: Offer, works: Works, tools: Tools, relay: Networks | None = None) -> Desk:
    """One for all sessions of a door; with ``relay`` it is the one for strangers."""
    is_public = relay is not None
    desk = works.desks[name] = Desk(
        name=name,
        office=office,
        offer=offer,
        refusals=Refusals(
            works.store, tools.clock, tools.ids, tools.journal, octets_day=tools.limits.refused_octets_day
        ),
        limits=tools.limits,
        journal=tools.journal,
        relay=relay or Networks(),
        exempt=works.exempt,
        messages_max=offer.messages_max,
        is_stressed=works.guards.census.is_stressed,
        offenders=works.guards.rates if is_public else None,
        lists=works.guards.lists if is_public else None,
        disguise=works.guards.disguise if is_public else None,
    )
    return desk


def offer_of(
    configuration: Configuration,
    limits: Limits,
    *,
    starttls: bool = False,
    mechanisms: tuple[str, ...] = (),
    lmtp: bool = False,
    messages_max: int | None = None,
    recipients_max: int | None = None,
) -> Offer:
    return Offer(
        hostname=configuration.hostname,
        max_octets=limits.message_octets,
        starttls=starttls,
        mechanisms=mechanisms,
        recipients_max=recipients_max or limits.mx_recipients,
        messages_max=messages_max or limits.mx_messages,
        command_octets=limits.command_octets,
        auth_octets=limits.auth_octets,
        drain_octets=limits.overlong_drain_octets,
        line_octets=limits.line_octets,
        lmtp=lmtp,
    )


def add_access_doors(works: Works, setting: Setting, tools: Tools) -> None:
    """Imapd and pop3d, each on two ports that count together."""
    limits, starttls = tools.limits, setting.configuration.tls.certificate is not None
    for name, upgrade in (("imap", starttls), ("imaps", False)):
        works.doors[name] = Imapd(
            imap_offer_of(limits, works.authenticator.mechanisms, starttls=upgrade),
            store=works.store,
            authenticator=works.authenticator,
            limits=limits,
            clock=tools.clock,
            ids=tools.ids,
            journal=tools.journal,
            reception=works.welcome,
            judged=works.heed,
            exempt=works.exempt,
            directory=works.directory,
        ).open
    for name, upgrade in (("pop3", starttls), ("pop3s", False)):
        house = Pop3d(
            works.store,
            works.authenticator,
            limits,
            tools.clock,
            tools.journal,
            starttls=upgrade,
            holders=works.holders,
        )
        works.doors[name] = partial(open_pop3, house)


def imap_offer_of(limits: Limits, mechanisms: tuple[str, ...], *, starttls: bool) -> ImapOffer:
    return ImapOffer(
        limits.message_octets,
        starttls,
        mechanisms,
        line_octets=limits.imap_line_octets,
        early_line_octets=limits.imap_early_line_octets,
        literal_octets=limits.imap_literal_octets,
        literals_octets=limits.imap_literals_octets,
        literals=limits.imap_literals,
        early_literal_octets=limits.imap_early_literal_octets,
        early_literals=limits.imap_early_literals,
        depth=limits.imap_depth,
    )


def add_metrics_door(works: Works, tools: Tools) -> None:
    def troubles() -> Sequence[str]:
        return [trouble for find in works.troubles if (trouble := find())]

    def open_metrics(_line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        return HttpOnce(), MetricsDoor(tools.meter.render, troubles, tools.meter.render_all)

    works.doors["metrics"] = open_metrics


def door_of(works: Works, service: str) -> OpenDoor:
    """The door as it is when somebody comes, which a reload may have replaced."""

    def open_now(line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        return works.doors[service](line)

    return open_now


def refusal_of(service: str) -> bytes:
    """What a connection hears that may not come in, in the words of its protocol."""
    if service in {"smtp", "submission", "submissions", "lmtp"}:
        return b"421 4.7.0 too many connections, try again later\r\n"
    if service in {"imap", "imaps"}:
        return b"* BYE [UNAVAILABLE] too many connections, try again later\r\n"
    if service in {"pop3", "pop3s"}:
        return b"-ERR [SYS/TEMP] too many connections, try again later\r\n"
    return b""
