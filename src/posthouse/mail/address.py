"""A mailbox address as a value that only a parser can make from text.

Because an ``Address`` never holds a control character, a space outside
quotes or a bad domain, whoever writes one to a wire need not check it again.
"""

import re
from functools import lru_cache
from unicodedata import normalize

import msgspec

_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]"
DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
"""RFC 5321 section 4.1.2, with UTF-8 as in RFC 6531 section 3.3."""

MAX_LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1
MAX_DOMAIN_OCTETS = 255  # RFC 5321 section 4.5.3.1.2
MAX_PATH_OCTETS = 256  # RFC 5321 section 4.5.3.1.3, with the angle brackets


class Address(msgspec.Struct, frozen=True):
    """``local`` unquoted as the peer meant it; ``domain`` in lower-case A-label form, or a literal in brackets.

    ``domain`` is empty for the one address that needs none, ``<postmaster>``
    (RFC 5321 section 4.1.1.3). Built by ``posthouse.standards.smtp.grammar``
    and ``posthouse.standards.imf.address``; code elsewhere receives it.
    """

    local: str
    domain: str

    def __str__(self) -> str:
        return _spell(self.local, self.domain)

    @property
    def needs_utf8(self) -> bool:
        """Whether only an SMTPUTF8 hop can carry it (RFC 6531 section 3.2). Domains are A-labels already."""
        return not self.local.isascii()

    @property
    def key(self) -> str:
        """What two spellings of one of *our* mailboxes share: both parts in lower case."""
        return f"{fold(self.local)}@{self.domain}"


def fold(local: str) -> str:
    """The one spelling of a local-part of ours: in lower case, and composed (RFC 6530 section 10.1): a keyboard
    that writes an accent apart writes the same name.
    """
    return local.lower() if local.isascii() else normalize("NFC", local.casefold())


@lru_cache(4096)
def _spell(local: str, domain: str) -> str:
    """Kept, because one message has its addresses written seven times."""
    local = local if DOT_STRING.match(local) else quote(local)
    return f"{local}@{domain}" if domain else local


def quote(local: str) -> str:
    """``local`` as a Quoted-string (RFC 5321 section 4.1.2)."""
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
