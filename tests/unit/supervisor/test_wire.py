"""What the configuration says becomes what the offices are given."""

from pathlib import Path

from posthouse.observe.metrics import PrometheusMeter
from posthouse.supervisor.doors import open_doors
from posthouse.supervisor.load import parse
from posthouse.supervisor.selftest import Ground, check_relay
from posthouse.supervisor.wire import build
from posthouse.supervisor.works import Setting, Tools
from posthouse.testing.zone import Zone


def wired(office, text: str = "", tmp_path: Path | None = None):
    configuration = parse(f'hostname = "mx.office.test"\n[store]\ndirectory = "{tmp_path}"\n{text}')
    tools = Tools(office.clock, office.ids, office.journal, PrometheusMeter(), configuration.effective_limits)
    return Setting(configuration, resolver=Zone({})), tools


async def test_a_reload_gives_the_guards_new_rules_and_keeps_what_they_counted(office, tmp_path):
    setting, tools = wired(office, "[limits]\nunknown_recipients_hour = 2\n", tmp_path)
    works = build(setting, office.store, office.directory, tools)
    guards = works.guards
    for _ in range(2):
        guards.rates.count_unknown("192.0.2.1")
    assert not guards.rates.may_ask("192.0.2.1")
    text = '[limits]\nunknown_recipients_hour = 2\nclient_messages = 1\n[filter.greylist]\nmode = "on"\n'
    text += '[[filter.dnsbl]]\nzone = "bl.test.example"\naction = "refuse"\n'
    again, fresh = wired(office, text, tmp_path)
    open_doors(works, again, fresh)
    assert works.guards is guards
    assert not guards.rates.may_ask("192.0.2.1"), "this rule is as it was"
    assert [guards.rates.may_begin("192.0.2.1") for _ in range(2)] == [True, False]
    assert guards.greylist is not None
    assert guards.lists is not None
    assert works.desks["smtp"].lists is guards.lists
    works.authenticator.close()


async def test_only_the_door_for_strangers_suspects_and_asks_lists(office, tmp_path):
    setting, tools = wired(office, '[[filter.dnsbl]]\nzone = "bl.test.example"\n', tmp_path)
    works = build(setting, office.store, office.directory, tools)
    assert works.desks["smtp"].offenders is works.guards.rates
    assert (works.desks["lmtp"].offenders, works.desks["lmtp"].lists, works.desks["lmtp"].disguise) == (
        None,
        None,
        None,
    )
    assert check_relay(Ground(office.directory, "mx.office.test", works.desks)) > 400
    works.authenticator.close()
