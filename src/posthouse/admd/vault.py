"""The vault: what must not be read from a disk or a dump is sealed before it is kept (threat O01).

AES-256-GCM under one master key of the house. What a sealed value is for is
bound into its seal: moved to another name (another tenant's, say), it does not
open. The master key itself lies outside the store, in a file of its own.
"""

import secrets
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from posthouse.storage.ports import Store

KEY_OCTETS: Final = 32
NONCE_OCTETS: Final = 12
"""NIST SP 800-38D section 8.2: random nonces are good for 2**32 seals; we make a few a year."""
VERSION: Final = b"\x01"
CHECK: Final = "vault.check"
_KNOWN: Final = b"posthouse"


class VaultLocked(Exception):
    """A sealed value cannot be opened, or nothing can be sealed: ``str()`` says why and what to do."""


class Vault:
    """Seals and opens. Without a key it is locked: every use raises ``VaultLocked`` with ``why``."""

    __slots__ = ("_cipher", "why")

    def __init__(self, key: bytes | None, why: str = "there is no master key") -> None:
        if key is not None and len(key) != KEY_OCTETS:
            raise ValueError(f"a master key has {KEY_OCTETS} octets, not {len(key)}")
        self._cipher = AESGCM(key) if key is not None else None
        self.why = "" if key is not None else why

    @property
    def is_locked(self) -> bool:
        return self._cipher is None

    def seal(self, secret: bytes, about: str) -> bytes:
        """``secret`` as it may be kept; ``about`` names what it is for and is needed to open it."""
        nonce = secrets.token_bytes(NONCE_OCTETS)
        return VERSION + nonce + self._open_cipher().encrypt(nonce, secret, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """The secret again; raises ``VaultLocked``."""
        cipher = self._open_cipher()
        if sealed[:1] != VERSION:
            raise VaultLocked(f"{about} was sealed by a newer release")
        nonce = sealed[1 : 1 + NONCE_OCTETS]
        try:
            return cipher.decrypt(nonce, sealed[1 + NONCE_OCTETS :], about.encode())
        except (InvalidTag, ValueError):
            raise VaultLocked(f"{about} was sealed with another master key, or is damaged") from None

    def _open_cipher(self) -> AESGCM:
        if self._cipher is None:
            raise VaultLocked(self.why)
        return self._cipher


def make_master_key() -> bytes:
    return secrets.token_bytes(KEY_OCTETS)


async def unlock(store: Store, key: bytes | None, make: Callable[[], bytes], where: str) -> Vault:
    """The vault of ``store``. A master key is made only while nothing is sealed; a lost one is said, not replaced.

    ``key`` is what was found at ``where``; ``make`` makes one there and gives it.
    """
    check = await store.get(CHECK)
    if check is None:
        key = key if key is not None else make()
        check = await store.agree(CHECK, Vault(key).seal(_KNOWN, CHECK))  # another node may begin at this moment
    if key is None:
        return Vault(None, f"the master key {where} is lost: put the file back, from a copy or from another node")
    vault = Vault(key)
    try:
        vault.open(check, CHECK)
    except VaultLocked:
        why = f"{where} is not the master key that the secrets of this store were sealed with"
        return Vault(None, f"{why}: put the right one there, from a copy or from another node")
    return vault


async def forget(store: Store, make: Callable[[], bytes]) -> Vault:
    """Begin anew after the master key is lost for good: what was sealed never opens again."""
    vault = Vault(make())
    await store.put(CHECK, vault.seal(_KNOWN, CHECK))
    return vault
