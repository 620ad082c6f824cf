"""``posthouse dkim`` and ``posthouse dns`` on a store that no server runs on."""

import json

import pytest
from click.testing import CliRunner

from posthouse.cli.main import posthouse
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
async def config(tmp_path):
    """The configuration of a server that was never started, and has a store."""
    store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await store.close()
    file = tmp_path / "posthouse.toml"
    file.write_text(
        f'hostname = "mx.office.test"\n[store]\ndirectory = "{tmp_path}/store"\n[dns]\nserver = "127.0.0.1:9"\n'
        '[[listener]]\nservice = "smtp"\naddress = "127.0.0.1"\n'
    )
    return file


def say(config, *words: str, code: int = 0) -> str:
    """What a command prints."""
    done = CliRunner().invoke(posthouse, [*words, "--config", str(config)])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_a_new_domain_is_told_what_to_publish(config):
    assert "Its DNS records: posthouse dns records office.test" in say(config, "domain", "add", "office.test")


def test_the_master_key_is_made_beside_the_store(config):
    say(config, "domain", "add", "office.test")
    file = config.parent / "store" / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_master_key_is_made_for_what_needs_none(config):
    say(config, "account", "list")
    assert not (config.parent / "store" / "master.key").exists()


def test_the_configuration_says_where_the_master_key_is(config):
    with config.open("a") as file:
        file.write(f'[keys]\nfile = "{config.parent}/apart.key"\n')
    say(config, "domain", "add", "office.test")
    assert (config.parent / "apart.key").exists()
    assert not (config.parent / "store" / "master.key").exists()


def test_keys_are_shown_with_what_happens_next(config):
    say(config, "domain", "add", "office.test")
    shown = say(config, "dkim", "list")
    assert "ed25519" in shown
    assert "publish its record: posthouse dns records office.test" in shown


def test_the_operators_word_and_a_rotation(config):
    say(config, "domain", "add", "office.test")
    assert say(config, "dkim", "activate", "office.test").count(": active") == 2
    assert say(config, "dkim", "rotate", "office.test").count(": made") == 2
    assert "wait already" in say(config, "dkim", "rotate", "office.test", code=1)
    selector = json.loads(say(config, "dkim", "list", "--json").splitlines()[-1])["selector"]
    assert ": removed" in say(config, "dkim", "retire", "office.test", selector)


def test_records_are_a_zone_file(config):
    """Nobody answers for the DNS; the records are said all the same."""
    say(config, "domain", "add", "office.test")
    zone = say(config, "dns", "records", "office.test")
    assert "office.test.                             3600 IN MX   10 mx.office.test." in zone
    assert "; MTA-STS (RFC 8461)" in zone


def test_a_key_file_that_others_may_read_is_refused(config):
    say(config, "domain", "add", "office.test")
    (config.parent / "store" / "master.key").chmod(0o644)
    assert "chmod 600" in say(config, "dkim", "list", code=1)


def test_a_lost_key_file_is_said_and_given_up_only_on_purpose(config):
    say(config, "domain", "add", "office.test")
    say(config, "dkim", "activate", "office.test")
    (config.parent / "store" / "master.key").unlink()
    assert "master.key is lost" in say(config, "dkim", "list")
    assert "master.key is lost" in say(config, "dkim", "rotate", "office.test", code=1)
    assert "say --yes" in say(config, "dkim", "reset", code=1)
    assert say(config, "dkim", "reset", "--yes").count(": retiring") == 2
    assert "locked" not in say(config, "dkim", "list")
