"""The list of limits says what is."""

import dataclasses
import re

import pytest

from posthouse.admd.limits import FIXED, WAITING, Limits, list_limits
from posthouse.filter import connections, questions
from posthouse.lib import pacetable
from posthouse.mta import rooms
from posthouse.mta.feedback import failures
from posthouse.standards.dkim.signature import MAX_SIGNATURES
from posthouse.standards.dmarcreport.unpack import MAX_OCTETS
from posthouse.standards.mime import structure
from posthouse.standards.spf.evaluate import MAX_LOOKUPS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mime_depth", structure.DEPTH),
        ("mime_parts", structure.PARTS),
        ("boundary_octets", structure.BOUNDARY_OCTETS),
        ("public_share", connections.OPEN_TO_STRANGERS * 100),
        ("sender_share", rooms.SHARE * 100),
        ("strangers_share", rooms.STRANGERS * 100),
        ("limiter_entries", pacetable.SIZE),
        ("spf_lookups", MAX_LOOKUPS),
        ("dns_questions", questions.MAX_QUESTIONS),
        ("dkim_signatures", MAX_SIGNATURES),
        ("report_octets", MAX_OCTETS),
        ("failure_reports_hour", failures.MOST_AN_HOUR),
        ("failure_reports_day", failures.MOST_A_DAY),
    ],
)
def test_what_is_fixed_is_what_holds(name, value):
    assert {one[1]: one[2] for one in FIXED}[name] == value


def test_every_limit_of_the_catalogue_is_in_the_list():
    numbers = {row["number"] for row in list_limits(Limits())}
    assert {f"L{number}" for number in range(1, 42)} <= numbers
    assert all(re.fullmatch(r"[A-Z]\d\d?", number) for number in numbers)


def test_no_name_stands_for_two_limits():
    names = [field.name for field in dataclasses.fields(Limits)] + [one[1] for one in (*FIXED, *WAITING)]
    assert len(names) == len(set(names))


def test_zero_never_means_that_there_is_no_limit():
    with pytest.raises(ValueError, match="never means unlimited"):
        Limits(connections=0)
