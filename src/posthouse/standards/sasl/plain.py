"""PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login-00): the password itself, so under TLS only."""

from dataclasses import dataclass

MAX_NAME_OCTETS = 255
MAX_PASSWORD_OCTETS = 1024

LOGIN_PROMPTS = (b"Username:", b"Password:")
"""What clients of LOGIN look for; some compare the text."""


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """``authzid`` is whom to act as, empty for oneself; ``authcid`` whose password it is."""

    authzid: str
    authcid: str
    password: str


def parse_plain(octets: bytes) -> PlainMessage:
    """The one message of PLAIN (RFC 4616 section 2); raises ``ValueError``."""
    if octets.count(0) != 2:
        raise ValueError("PLAIN needs three parts")
    authzid, authcid, password = octets.split(b"\0")
    return PlainMessage(authzid=_name(authzid) if authzid else "", authcid=_name(authcid), password=_password(password))


def parse_login_name(octets: bytes) -> str:
    """The first answer of LOGIN; raises ``ValueError``."""
    return _name(octets)


def parse_login_password(octets: bytes) -> str:
    """The second answer of LOGIN; raises ``ValueError``."""
    return _password(octets)


def format_plain(authcid: str, password: str, authzid: str = "") -> bytes:
    """The message a client sends."""
    parts = (authzid, authcid, password)
    if any("\0" in part for part in parts):
        raise ValueError("NUL in a name or password")
    return "\0".join(parts).encode()


def _name(octets: bytes) -> str:
    if not 0 < len(octets) <= MAX_NAME_OCTETS:
        raise ValueError("name is empty or too long")
    return _text(octets)


def _password(octets: bytes) -> str:
    if not 0 < len(octets) <= MAX_PASSWORD_OCTETS:
        raise ValueError("password is empty or too long")
    return _text(octets)


def _text(octets: bytes) -> str:
    if b"\0" in octets:
        raise ValueError("NUL in a name or password")
    return octets.decode()  # UnicodeDecodeError is a ValueError
