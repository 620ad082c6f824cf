"""What the configuration says becomes what the offices are given."""

from pathlib import Path

import pytest

from posthouse.mta.route import Credentials, Hop, HostRoute, TlsPolicy
from posthouse.observe.metrics import PrometheusMeter
from posthouse.supervisor.config import Route
from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.selftest import Ground, check_relay
from posthouse.supervisor.wire import Setting, Tools, build, open_doors, route_of
from posthouse.testing.zone import Zone


def route(**words: object) -> HostRoute:
    made = route_of(Route.model_validate({"domain": "keep.test", "host": "192.0.2.1", **words}))
    assert isinstance(made, HostRoute)
    return made


def test_a_route_speaks_smtp_on_25_unless_it_says_otherwise():
    assert (route().hops, route().terms.lmtp) == ((Hop("192.0.2.1", 25),), False)


def test_a_route_by_lmtp_has_the_port_of_lmtp():
    made = route(protocol="lmtp")
    assert (made.hops, made.terms.lmtp) == ((Hop("192.0.2.1", 24),), True)
    assert route(protocol="lmtp", port=2003).hops == (Hop("192.0.2.1", 2003),)


@pytest.mark.rfc(2033, "5", "MUST NOT")
def test_lmtp_is_not_spoken_on_the_port_of_smtp():
    """And the operator is told where the file asks for it."""
    text = 'hostname = "a"\n[[relay.route]]\ndomain = "keep.test"\nhost = "x"\nprotocol = "lmtp"\nport = 25\n'
    with pytest.raises(Misconfigured) as caught:
        parse(text, "f.toml")
    assert [str(one) for one in caught.value.complaints] == [
        "f.toml:2: relay.route[1]: LMTP must not be spoken on port 25"
    ]


def test_a_login_is_read_from_its_file_and_tls_is_verified_where_required(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nnot this\n")
    terms = route(user="office", password_file=secret, tls="required").terms
    assert (terms.credentials, terms.tls) == (Credentials("office", "s3cret"), TlsPolicy.VERIFY)


def test_routes_to_one_host_share_connections_only_on_the_same_terms(tmp_path: Path):
    """Mail whose route requires TLS must not go out on a connection that was opened for mail that does not."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    keys = [
        one.key
        for one in (
            route(),
            route(tls="required"),
            route(user="a", password_file=secret),
            route(user="b", password_file=secret),
            route(protocol="lmtp", port=25000),
            route(port=25000),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert route().key == route().key


# -- the guards


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
