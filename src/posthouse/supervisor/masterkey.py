"""The file with the master key: readable by us alone, made once, beside the store or where the operator wants it."""

import base64
import binascii
import os
import stat
from pathlib import Path

from posthouse.admd.vault import KEY_OCTETS, make_master_key
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.files import write_whole

NAME = "master.key"


class BadMasterKey(OSError):
    """The file cannot be used as it is; ``str()`` says what to do about it."""


def master_key_file(configuration: Configuration) -> Path:
    """Where the master key is."""
    return configuration.keys.file or configuration.store.directory / NAME


def read_master_key(path: Path) -> bytes | None:
    """The master key, None if there is no such file. Raises ``BadMasterKey`` for one that others may read."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(1000)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise BadMasterKey(f"{path} may be read by others (mode {mode:04o}): chmod 600 {path}")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_OCTETS:
        raise BadMasterKey(f"{path} holds no master key: {KEY_OCTETS} octets in base64 are expected")
    return key


def make_master_key_file(path: Path) -> bytes:
    """A new master key, kept in ``path``, which must not be there yet."""
    if path.exists():
        raise BadMasterKey(f"{path} is there already")
    key = make_master_key()
    write_whole(path, base64.b64encode(key) + b"\n")
    return key
