"""The configuration as a file: to begin with, and what is in force."""

import re
import tomllib

from posthouse.supervisor.load import parse
from posthouse.supervisor.sample import format_configuration, format_sample

GIVEN = """\
hostname = "mx.office.test"
[limits]
mx_messages = 7
[[relay.route]]
domain = "slow.test"
host = "192.0.2.1"
[[listener]]
service = "smtp"
"""


def test_the_sample_is_a_good_file_that_changes_nothing() -> None:
    assert parse(format_sample()).model_dump() == parse('hostname = "mx.example.org"\n').model_dump()


def test_every_key_of_the_sample_may_be_uncommented() -> None:
    """But those that name a table of a list, or a thing that only the reader has."""
    text = format_sample()
    limits = text[text.index("[limits]") : text.index("[relay]")]
    parse('hostname = "x.test"\n' + re.sub(r"^# (\w+ = )", r"\1", limits, flags=re.MULTILINE))


def test_what_is_in_force_is_a_file_that_says_the_same() -> None:
    configuration = parse(GIVEN)
    again = parse(format_configuration(configuration))
    assert again.effective_limits == configuration.effective_limits
    assert again.relay == configuration.relay
    assert again.listener == configuration.listener


def test_what_is_in_force_shows_the_defaults_too() -> None:
    tree = tomllib.loads(format_configuration(parse(GIVEN)))
    assert tree["limits"]["mx_messages"] == 7
    assert tree["limits"]["mx_recipients"] == 200
