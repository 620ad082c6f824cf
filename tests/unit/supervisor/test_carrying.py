"""Which way mail goes that others get: what the configuration says becomes a route."""

from pathlib import Path

import pytest

from posthouse.mta.route import Credentials, Hop, HostRoute, TlsPolicy
from posthouse.supervisor.carrying import route_of
from posthouse.supervisor.load import Misconfigured, parse
from posthouse.supervisor.sections.relay import Route


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
