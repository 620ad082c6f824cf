"""The configuration file: all that is wrong is told at once, each with its place."""

import dataclasses
import re
from pathlib import Path

import pytest

from posthouse.admd.limits import Limits
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.load import Misconfigured, load, parse
from posthouse.supervisor.sample import format_configuration, format_sample
from posthouse.supervisor.sections.doors import SERVICES, WITH_LOGIN


def complaints(text: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        parse(text, "f.toml")
    return [str(one) for one in caught.value.complaints]


def test_the_least_file_is_one_line():
    configuration = parse('hostname = "mx.office.test"')
    assert configuration.hostname == "mx.office.test"
    assert configuration.effective_limits == Limits()


def test_every_error_is_told_at_once_in_the_order_of_the_file():
    told = complaints(
        'lisener = 3\n[store]\ndirektory = "/x"\n[limits]\nmessage_octets = "many"\nconnections = 0\n'
        '[relay]\nnetworks = ["10.0.0.0/8"]\n[[listener]]\nservice = "smtp"\n[[listener]]\nservice = "gopher"\n'
    )
    assert [line.split(": ")[:2] for line in told] == [
        ["f.toml", "hostname"],
        ["f.toml:1", "lisener"],
        ["f.toml:3", "store.direktory"],
        ["f.toml:5", "limits.message_octets"],
        ["f.toml:6", "limits.connections"],
        ["f.toml:8", "relay.networks[1]"],
        ["f.toml:12", "listener[2].service"],
    ]


def test_an_unknown_key_is_an_error_with_a_suggestion():
    assert complaints('hostname = "a"\n[limits]\nmesage_octets = "5MiB"') == [
        'f.toml:3: limits.mesage_octets: there is no such key; did you mean "message_octets"?'
    ]
    assert complaints('hostname = "a"\nzzz = 1') == ["f.toml:2: zzz: there is no such key"]


def test_bad_toml_has_its_line():
    assert complaints('hostname = "a"\n[store\n')[0].startswith("f.toml:2: ")


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1/24", "office"])
def test_networks_that_would_make_an_open_relay_are_refused(network):
    """Threat A01: a mistake here opens the house to everybody."""
    assert complaints(f'hostname = "a"\n[relay]\nnetworks = ["{network}"]')


def test_exact_networks_may_relay():
    configuration = parse('hostname = "a"\n[relay]\nnetworks = ["192.0.2.0/28", "2001:db8::/64", "10.1.0.0/16"]')
    assert configuration.relay.networks == ("192.0.2.0/28", "2001:db8::/64", "10.1.0.0/16")


def test_zero_never_means_unlimited():
    for field in dataclasses.fields(Limits):
        assert complaints(f'hostname = "a"\n[limits]\n{field.name} = 0'), field.name


def test_limits_are_the_defaults_with_what_the_file_changes():
    limits = parse('hostname = "a"\n[limits]\nmessage_octets = "25MiB"\ncommand_seconds = "2m"').effective_limits
    assert (limits.message_octets, limits.command_seconds) == (25 * 2**20, 120)
    assert limits.connections == Limits().connections


def test_listeners_that_contradict_each_other_or_lack_a_certificate():
    told = complaints(
        'hostname = "a"\n[[listener]]\nservice = "imaps"\n[[listener]]\nservice = "smtp"\n'
        '[[listener]]\nservice = "lmtp"\nport = 25\n[[listener]]\nservice = "smtp"\naddress = "everywhere"\n'
    )
    assert [line.split(": ")[:2] for line in told] == [
        ["f.toml:3", "listener[1].service"],
        ["f.toml:6", "listener[3]"],
        ["f.toml:11", "listener[4].address"],
    ]


@pytest.mark.parametrize("service", ["submission", "submissions", "imap", "imaps", "pop3", "pop3s"])
def test_a_door_where_people_log_in_needs_a_certificate(service):
    """Without one nobody could log in there: a door that serves nobody is a mistake, and is said to be one."""
    assert complaints(f'hostname = "a"\n[[listener]]\nport = 2525\nservice = "{service}"\n') == [
        f"f.toml:4: listener[1].service: {service} needs a certificate: set tls.certificate and tls.key"
    ]


@pytest.mark.parametrize("service", ["smtp", "lmtp", "metrics"])
def test_doors_without_a_login_need_none(service):
    assert parse(f'hostname = "a"\n[[listener]]\nservice = "{service}"\n').listener[0].service == service


def test_contradictions_are_told_together_with_errors_of_single_keys():
    told = complaints(
        "[stor]\n[limits]\nconnections = 0\n"
        '[[listener]]\nservice = "smtp"\n[[listener]]\nservice = "gopher"\n[[listener]]\nservice = "imaps"\n'
        'adress = "::1"\n[[listener]]\nservice = "smtp"\n[relay]\nnetworks = ["0.0.0.0/0"]\n'
        '[[relay.route]]\ndomain = "*"\nhost = "a"\nuser = "u"\n'
    )
    assert [line.split(": ")[:2] for line in told] == [
        ["f.toml", "hostname"],
        ["f.toml:1", "stor"],
        ["f.toml:3", "limits.connections"],
        ["f.toml:7", "listener[2].service"],
        ["f.toml:9", "listener[3].service"],
        ["f.toml:10", "listener[3].adress"],
        ["f.toml:11", "listener[4]"],
        ["f.toml:14", "relay.networks[1]"],
        ["f.toml:15", "relay.route[1]"],
    ]


@pytest.mark.parametrize("text", ["tls = 3", "listener = 3", "listener = [3]", "relay = 3", "[relay]\nroute = [3]"])
def test_what_is_no_table_contradicts_nothing(text):
    assert len(complaints(f'hostname = "a"\n{text}\n')) == 1


@pytest.mark.parametrize(("all_of_them", "one"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_a_port_of_every_address_is_taken_on_each(all_of_them, one):
    listeners = [f'[[listener]]\nservice = "smtp"\naddress = "{address}"\n' for address in (all_of_them, one)]
    for text in ("".join(listeners), "".join(reversed(listeners))):
        assert "is taken by listener[1]" in complaints(f'hostname = "a"\n{text}')[0]


def test_the_two_families_have_ports_of_their_own():
    text = '[[listener]]\nservice = "smtp"\naddress = "::"\n[[listener]]\nservice = "smtp"\n'
    assert len(parse(f'hostname = "a"\n{text}').listener) == 2


def test_what_a_file_does_not_say_may_be_said_for_it():
    absent = {"hostname": "mx.office.test", "stop": {"deadline": 3}}
    assert parse("", absent=absent).hostname == "mx.office.test"
    configuration = parse('hostname = "a"\n[stop]\n', absent=absent)
    assert (configuration.hostname, configuration.stop.deadline) == ("a", 20)
    with pytest.raises(Misconfigured, match="lisener"):
        parse("lisener = 3", absent=absent)


def test_the_sample_is_good_and_says_nothing_but_defaults():
    sample = parse(format_sample())
    assert sample.replace(listener=()) == Configuration(hostname="mail.example.org")


def test_the_sample_names_every_limit():
    assert all(f"#{field.name} = " in format_sample() for field in dataclasses.fields(Limits))


def without_examples(sample: str) -> str:
    """The sample without the arrays of tables that are examples: all but listeners."""
    return re.sub(r"#\[\[(?!listener)[^\n]*\n(?:#[^\n]*\n)*", "", sample)


def test_uncommented_the_sample_still_says_the_defaults():
    lines = without_examples(format_sample()).splitlines()
    keys = [line[1:] if line.startswith("#") and line[1:2].isalpha() and " = " in line else line for line in lines]
    examples = ("headoffice", "/etc/posthouse/tls", *(f'"{service}"' for service in WITH_LOGIN))
    kept = (line for line in keys if not line.endswith('= ""') and not any(one in line for one in examples))
    text = "\n".join(kept)
    assert parse(text).effective_limits == Limits()


def test_an_office_uncomments_what_it_wants():
    """All doors are in the sample, those for people beside the certificate that they need."""
    sample = without_examples(format_sample())
    sample = re.sub(r"^#(\[\[listener\]\]|service = |address = |port = )", r"\1", sample, flags=re.MULTILINE)
    here = Path(__file__)
    sample = re.sub(r"^#(certificate|key) = .*$", rf'\1 = "{here}"', sample, flags=re.MULTILINE)
    assert sorted(one.service for one in parse(sample).listener) == sorted(SERVICES)
    place = sample.index('service = "submission"')
    assert sample.index("[tls]") < place < sample.index("[privileges]")


def test_what_is_shown_reads_back_as_the_same():
    configuration = parse(
        'hostname = "a"\n[limits]\nconnections = 7\n[[relay.route]]\ndomain = "b.test"\nhost = "192.0.2.1"\n'
        '[[listener]]\nservice = "smtp"\nport = 2525\n'
    )
    again = parse(format_configuration(configuration))
    assert again.effective_limits == configuration.effective_limits
    assert (again.listener, again.relay, again.store) == (
        configuration.listener,
        configuration.relay,
        configuration.store,
    )


def test_the_reference_is_the_sample():
    reference = Path(__file__).parents[3] / "docs" / "reference" / "posthouse.toml"
    assert reference.read_text("utf-8") == format_sample(), "posthouse config default > docs/reference/posthouse.toml"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Misconfigured, match="No such file"):
        load(tmp_path / "nothing.toml")
