"""The master key is in a file that only we can read, made once."""

import base64

import pytest

from posthouse.admd.vault import KEY_OCTETS
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.masterkey import (
    BadMasterKey,
    make_master_key_file,
    master_key_file,
    read_master_key,
)
from posthouse.supervisor.sections.node import KeysSection, StoreSection


@pytest.fixture
def path(tmp_path):
    return tmp_path / "master.key"


def test_there_is_none_before_one_is_made(path):
    assert read_master_key(path) is None


def test_what_is_made_is_read_again(path):
    assert read_master_key(path) is None
    assert make_master_key_file(path) == read_master_key(path)


def test_nobody_else_may_read_it(path):
    make_master_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_none_is_ever_replaced(path):
    key = make_master_key_file(path)
    with pytest.raises(BadMasterKey, match="is there already"):
        make_master_key_file(path)
    assert read_master_key(path) == key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777, 0o601])
def test_one_that_others_may_read_is_refused(path, mode):
    make_master_key_file(path)
    path.chmod(mode)
    with pytest.raises(BadMasterKey, match=f"chmod 600 {path}"):
        read_master_key(path)


@pytest.mark.parametrize(
    "octets", [b"", b"\n", b"not base64!", base64.b64encode(bytes(KEY_OCTETS - 1)), bytes(KEY_OCTETS), b"A" * 5000]
)
def test_one_that_is_none_is_refused(path, octets):
    path.write_bytes(octets)
    path.chmod(0o600)
    with pytest.raises(BadMasterKey, match="holds no master key"):
        read_master_key(path)


def test_it_is_beside_the_store_unless_the_configuration_says_otherwise(tmp_path):
    store = StoreSection(directory=tmp_path)
    assert master_key_file(Configuration(hostname="mx.office.test", store=store)) == tmp_path / "master.key"
    keys = KeysSection(file=tmp_path / "elsewhere")
    assert master_key_file(Configuration(hostname="mx.office.test", store=store, keys=keys)) == tmp_path / "elsewhere"
