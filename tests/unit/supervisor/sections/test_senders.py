"""[authentication] and [filter]: what the office has decided about senders, checked before anything is done with it."""

import pytest

from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.sample import format_configuration

GOOD = """\
hostname = "mx.office.test"
[authentication]
verify = false
sealers = ["List.Test.", "bücher.test"]
welcome = ["old.test"]
unwelcome = ["evil.test"]
dmarc_quarantine = "quarantine"
spf_fail = "refuse"
[filter]
junk_score = 3
refuse_score = 9.5
weights = { rspamd = 0.5 }
actions = { "clamav.failed" = "accept" }
"""


def test_domains_are_read_as_the_dns_writes_them() -> None:
    wanted = parse(GOOD).authentication
    assert wanted.sealers == ("list.test", "xn--bcher-kva.test")
    assert (wanted.verify, wanted.dmarc_quarantine, wanted.spf_fail) == (False, "quarantine", "refuse")


def test_what_is_shown_reads_back_as_the_same() -> None:
    configuration = parse(GOOD)
    again = parse(format_configuration(configuration))
    assert (again.authentication, again.filter) == (configuration.authentication, configuration.filter)
    assert configuration.filter.weights == {"rspamd": 0.5}
    assert configuration.filter.actions == {"clamav.failed": "accept"}


def test_every_error_is_told_at_once() -> None:
    text = """\
hostname = "mx.office.test"
[authentication]
sealers = ["no domain"]
spf_fial = "junk"
dmarc_quarantine = "reject"
[filter]
junk_score = 0
weights = { x = -1 }
actions = { x = "shout" }
"""
    with pytest.raises(Misconfigured) as caught:
        parse(text, "f.toml")
    told = [(one.line, one.key) for one in caught.value.complaints]
    assert told == [
        (3, "authentication.sealers[1]"),
        (4, "authentication.spf_fial"),
        (5, "authentication.dmarc_quarantine"),
        (7, "filter.junk_score"),
        (8, "filter.weights.x"),
        (9, "filter.actions.x"),
    ]


def test_scores_are_in_order() -> None:
    with pytest.raises(Misconfigured, match="refuse_score must not be below junk_score"):
        parse('hostname = "a"\n[filter]\njunk_score = 9.0\nrefuse_score = 3.0')
