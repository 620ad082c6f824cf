"""The life of a key: it signs only what can be verified, whatever the DNS, the operator and the power do."""

import random

import pytest

from posthouse.admd.keys import (
    DAY,
    KINDS,
    SIGNATURE_SECONDS,
    KeyRow,
    Policy,
    State,
    activate,
    advance,
    format_row,
    new_selector,
    parse_row,
    published_key,
    remove,
    retire,
    shows,
)

HOUR = 3_600_000
NOW = 1_800_000_000_000
POLICY = Policy()


def row(selector="r1", state=State.MADE, kind="rsa", **times) -> KeyRow:
    return KeyRow("office.test", selector, kind, state, "v=DKIM1; k=rsa; p=AAAA", NOW, b"sealed", **times)


def only(rows, now=NOW, seen=(), policy=POLICY) -> KeyRow:
    (changed,) = advance(rows, now, policy, seen).changed
    return changed


def test_a_domain_without_keys_wants_one_of_each_kind():
    assert advance((), NOW, POLICY).wanted == KINDS


def test_a_new_key_waits_until_its_record_is_seen():
    assert advance([row()], NOW + 30 * DAY, POLICY).changed == ()


def test_the_first_key_is_used_as_soon_as_it_is_seen():
    seen = only([row()], seen={"r1"})
    assert (seen.state, seen.active_at, seen.published_at) == (State.ACTIVE, NOW, NOW)


def test_a_successor_waits_until_all_name_servers_have_it():
    old = row("r0", State.ACTIVE, active_at=NOW - 90 * DAY)
    seen = only([old, row()], seen={"r1"})
    assert seen.state is State.PUBLISHED
    assert advance([old, seen], NOW + HOUR - 1, POLICY).changed == ()
    changed = {one.selector: one.state for one in advance([old, seen], NOW + HOUR, POLICY).changed}
    assert changed == {"r1": State.ACTIVE, "r0": State.RETIRING}


def test_a_retiring_key_stays_for_the_overlap_and_is_forgotten_then():
    old = row(state=State.RETIRING, retiring_at=NOW)
    assert advance([old], NOW + 14 * DAY - 1, POLICY).changed == ()
    gone = only([old], NOW + 14 * DAY)
    assert (gone.state, gone.sealed, gone.is_to_be_published) == (State.REMOVED, b"", False)


def test_an_old_key_gets_one_successor():
    old = row("r0", State.ACTIVE, active_at=NOW - 90 * DAY)
    young = row("e0", State.ACTIVE, "ed25519", active_at=NOW - 89 * DAY)
    assert advance([old, young], NOW, POLICY).wanted == ("rsa",)
    assert advance([old, young, row()], NOW, POLICY).wanted == ()


def test_a_successor_that_is_never_published_takes_nothing_over():
    old = row("r0", State.ACTIVE, active_at=NOW - 900 * DAY)
    assert advance([old, row()], NOW + 900 * DAY, POLICY).changed == ()


def test_of_two_active_keys_the_younger_stays():
    """What a crash in the middle of a rotation may leave."""
    old, new = row("r0", State.ACTIVE, active_at=NOW - DAY), row(state=State.ACTIVE, active_at=NOW)
    assert (only([old, new]).selector, only([old, new]).state) == ("r0", State.RETIRING)


def test_kinds_do_not_replace_each_other():
    rsa = row("r0", State.ACTIVE, active_at=NOW)
    (changed,) = activate([rsa, row("e1", kind="ed25519")], {"e1"}, NOW)
    assert (changed.selector, changed.state) == ("e1", State.ACTIVE)


def test_the_operators_word_is_enough():
    old = row("r0", State.ACTIVE, active_at=NOW - DAY)
    states = {one.selector: one.state for one in activate([old, row()], {"r1"}, NOW)}
    assert states == {"r1": State.ACTIVE, "r0": State.RETIRING}


def test_a_rotation_can_be_taken_back():
    old, new = row("r0", State.RETIRING, retiring_at=NOW), row(state=State.ACTIVE, active_at=NOW)
    states = {one.selector: one.state for one in activate([old, new], {"r0"}, NOW)}
    assert states == {"r0": State.ACTIVE, "r1": State.RETIRING}


def test_a_removed_key_never_comes_back():
    assert activate([remove(row(), NOW)], {"r1"}, NOW) == ()


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (State.MADE, State.REMOVED),
        (State.PUBLISHED, State.REMOVED),
        (State.ACTIVE, State.RETIRING),
        (State.RETIRING, State.RETIRING),
        (State.REMOVED, State.REMOVED),
    ],
)
def test_what_never_signed_need_not_stay(state, then):
    assert retire(row(state=state), NOW).state is then


def test_a_selector_is_never_used_again():
    first = new_selector("rsa", (), NOW)
    assert first == "r20270115"
    assert new_selector("rsa", {first}, NOW) == "r20270115-2"
    assert new_selector("rsa", {first, "r20270115-2"}, NOW) == "r20270115-3"
    assert new_selector("ed25519", {first}, NOW) == "e20270115"


def test_a_row_survives_the_shelf():
    assert parse_row(format_row(row(sealed_at := "r9"))) == row(sealed_at)


@pytest.mark.parametrize(
    ("records", "is_shown"),
    [
        ([b"v=DKIM1; k=rsa; p=AAAA"], True),
        ([b"v=DKIM1;p=AA AA;t=s"], True),
        ([b"v=DKIM1; k=rsa; p=BBBB"], False),
        ([b"v=DKIM1; k=ed25519; p=AAAA"], False),
        ([b"v=DKIM1; k=rsa; p="], False),
        ([b"v=DKIM1; k=rsa; p=AAAA", b"v=DKIM1; k=rsa; p=AAAA"], False),  # nobody could choose
        ([b"\xff\xfe p p"], False),
        ([], False),
    ],
)
def test_what_the_dns_must_show(records, is_shown):
    assert shows(records, row()) is is_shown


def test_what_is_no_record_has_no_key():
    assert published_key(b"a=1;a=2") == {}


@pytest.mark.parametrize("changes", [{"overlap": 4 * DAY}, {"rotate": HOUR}])
def test_a_policy_that_would_break_signatures_is_refused(changes):
    with pytest.raises(ValueError, match=r"published|rotated"):
        Policy(**changes)


@pytest.mark.parametrize("seed", range(30))
def test_over_a_year_every_signature_of_the_last_five_days_can_be_verified(seed):
    """An operator who publishes late or never and deletes what he may, nodes that die between two steps."""
    chance = random.Random(seed)
    rows: dict[str, KeyRow] = {}
    zone: set[str] = set()
    publishes_at: dict[str, int] = {}
    signed: list[tuple[int, str]] = []
    policy = Policy(rotate=chance.choice((8, 30, 90)) * DAY, overlap=chance.choice((5, 14)) * DAY)
    signs_since = None
    for now in range(NOW, NOW + 365 * DAY, 6 * HOUR):
        for selector, at in publishes_at.items():
            if now >= at and rows[selector].is_to_be_published:
                zone.add(selector)
        step = advance(rows.values(), now, policy, zone)
        assert {one.selector for one in step.changed} <= set(rows)
        if chance.random() > 0.2:  # else it died before the write, which is one transaction
            rows |= {one.selector: one for one in step.changed}
        if chance.random() > 0.2:
            for kind in step.wanted:
                made = KeyRow("office.test", new_selector(kind, rows, now), kind, State.MADE, "x", now, b"sealed")
                rows[made.selector] = made
                publishes_at[made.selector] = now + chance.choice((0, 1, 20, 400)) * DAY if signs_since else now + DAY
        for selector in list(zone):
            if rows[selector].state is State.REMOVED and chance.random() < 0.5:
                zone.discard(selector)
        active = [one for one in rows.values() if one.state is State.ACTIVE]
        signs_since = signs_since or (now if len(active) == len(KINDS) else None)
        if signs_since:
            assert {one.kind for one in active} >= set(KINDS), "once it signs, it goes on"
        signed = [(at, selector) for at, selector in signed if now - at <= SIGNATURE_SECONDS * 1000]
        signed += [(now, one.selector) for one in active]
        assert {selector for _, selector in signed} <= zone
    assert signs_since
