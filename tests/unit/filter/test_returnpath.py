"""Return paths that only we can have made (threat B07)."""

import pytest

from posthouse.filter.returnpath import ReturnPaths
from posthouse.mail.address import Address
from posthouse.testing.ports import ManualClock

DAY = 86400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def paths(clock: ManualClock) -> ReturnPaths:
    made = ReturnPaths(b"s" * 32, clock, {"office.test"}.__contains__)
    made.signs = True
    return made


def address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


def test_what_was_signed_is_known_in_any_case_and_for_a_fortnight(paths: ReturnPaths, clock: ManualClock) -> None:
    signed = paths.sign("alice@office.test")
    assert signed.startswith("alice+b")
    assert signed.endswith("@office.test")
    assert paths.knows(address(signed))
    assert paths.knows(Address(address(signed).local.upper(), "office.test"))
    clock.pass_time(14 * DAY)
    assert paths.knows(address(signed))
    clock.pass_time(DAY)
    assert not paths.knows(address(signed))
    assert paths.sign("alice@office.test") != signed


def test_nobody_else_can_make_one(paths: ReturnPaths, clock: ManualClock) -> None:
    tag = paths.sign("alice@office.test").partition("+")[2].partition("@")[0]
    for forged in ("alice@office.test", f"bob+{tag}@office.test", f"alice+{tag}@site.test", f"alice+{tag[:-1]}@office.test",
                   f"alice+b{(int(tag[1:4]) + 1) % 1000:03d}{tag[4:]}@office.test", "alice+@office.test"):  # fmt: skip
        assert not paths.knows(address(forged)), forged
    other = ReturnPaths(b"o" * 32, clock, {"office.test"}.__contains__)
    assert not other.knows(address(f"alice+{tag}@office.test"))


@pytest.mark.parametrize(
    "path",
    ["", "alice@elsewhere.test", "alice+list@office.test", '"a b"@office.test', "dörte@office.test",
     "x" * 60 + "@office.test"],
)  # fmt: skip
def test_what_is_not_ours_or_cannot_bear_it_stays_as_it_is(paths: ReturnPaths, path: str) -> None:
    assert paths.sign(path) == path


def test_nothing_is_signed_unless_that_is_wanted(paths: ReturnPaths) -> None:
    signed = paths.sign("alice@office.test")
    paths.signs = False
    assert paths.sign("alice@office.test") == "alice@office.test"
    assert paths.knows(address(signed)), "what was signed before comes back for days"
