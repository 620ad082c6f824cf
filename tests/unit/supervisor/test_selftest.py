"""Whether the house would relay for strangers, asked of itself at each start (A01)."""

import pytest

from posthouse.filter.networks import Networks
from posthouse.mta.desk import Desk
from posthouse.mta.relaying import Relaying
from posthouse.storage.shelf import Note
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.guarding import DISGUISES, check_disguises
from posthouse.supervisor.sections.relay import RelaySection
from posthouse.supervisor.selftest import FORMS, Ground, OpenRelay, check_relay
from posthouse.testing.office import HOSTNAME


def ground(office, *, relay: tuple[str, ...] = ()) -> Ground:
    desk = office.desk("smtp", office.receiver(), office.offer())
    fields = {name: getattr(desk, name) for name in Desk.__dataclass_fields__} | {"relay": Networks(relay, wide=relay)}
    submission = office.desk("submission", office.submission_office(), office.offer())
    return Ground(office.directory, HOSTNAME, {"smtp": Desk(**fields), "submission": submission})


async def test_forty_forms_for_every_stranger_and_sender_are_refused(office):
    assert len(FORMS) == 40
    assert check_relay(ground(office)) > 400


async def test_without_a_domain_too(office):
    office.directory.update(type(await office.store.directory())(0, (), (), ()))
    assert check_relay(ground(office)) > 400


async def test_with_room_to_be_asked_for(open_office):
    assert check_relay(ground(await open_office(asks={})))


async def test_a_house_that_relays_for_strangers_does_not_start(office, monkeypatch):
    """Weakened build: an office that thinks that everybody is one of ours."""
    monkeypatch.setattr(Relaying, "_judge_elsewhere", lambda *_given: None)
    with pytest.raises(OpenRelay, match=r"would be relayed to <victim@relay-test\.invalid>"):
        check_relay(ground(office))


async def test_networks_that_hold_the_world_are_noticed(office):
    wide = ("192.0.0.0/8", "203.0.0.0/8", "8.0.0.0/8")
    with pytest.raises(OpenRelay, match="all the strangers"):
        check_relay(ground(office, relay=wide))


async def test_who_may_relay_may(office):
    assert check_relay(ground(office, relay=("192.0.2.0/24",))) > 400


async def test_submission_without_a_login_is_noticed(office):
    house = ground(office)
    broken = Ground(house.directory, HOSTNAME, {**house.desks, "submission": house.desks["smtp"]})
    with pytest.raises(OpenRelay, match="not logged in"):
        check_relay(broken)


async def test_a_proxy_in_a_relay_network_keeps_the_house_closed_until_somebody_decides(office):
    def configured(**relay) -> Configuration:
        return Configuration(hostname=HOSTNAME, relay=RelaySection(**relay))

    at = int(office.clock.now() * 1000)
    await office.store.put_notes((Note(DISGUISES, "10.0.0.1", b"", at, at + 10**9),))
    await check_disguises(office.store, configured(networks=("10.0.1.0/24",)))
    await check_disguises(office.store, configured(networks=("10.0.0.0/24",), gateways=("10.0.0.1",)))
    with pytest.raises(OpenRelay, match=r"10\.0\.0\.1"):
        await check_disguises(office.store, configured(networks=("10.0.0.0/24",)))
