"""What one IMAP listener offers and how much it takes; made once, shared by all its connections."""

from collections.abc import Mapping
from dataclasses import dataclass, field

KIB = 1024

EXTENSIONS = (
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "UNSELECT",
    "UIDPLUS",
    "MOVE",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "CONDSTORE",
    "QRESYNC",
    "STATUS=SIZE",
    "BINARY",
    "UTF8=ACCEPT",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "CHILDREN",
)
"""All that this core understands after login. A door that cannot serve one leaves it out of its ``Offer``."""

ENABLEABLE = frozenset({"CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "IMAP4REV2"})


@dataclass(frozen=True, slots=True)
class Offer:
    """Capabilities and limits of a listener. The numbers are L30 to L32; ``append_octets`` is L1."""

    append_octets: int
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    login_in_clear: bool = False
    """Passwords without TLS: for tests on loopback only."""
    extensions: tuple[str, ...] = EXTENSIONS
    line_octets: int = 16 * KIB
    early_line_octets: int = 4 * KIB
    literal_octets: int = 100 * KIB
    literals_octets: int = KIB * KIB
    literals: int = 200
    early_literal_octets: int = 4 * KIB
    early_literals: int = 4
    depth: int = 50
    early_depth: int = 1
    drain_octets: int = KIB * KIB
    """What we read and drop of a message that we refused but that is on its way already (LITERAL+)."""
    early_faults: int = 15
    """L19: malformed commands before login, then we hang up; a program that finds out what we can makes a few."""
    early_budget: Mapping[str, int] = field(init=False)
    budget: Mapping[str, int] = field(init=False)
    enableable: frozenset[str] = field(init=False)
    """What ENABLE may turn on here."""

    def __post_init__(self) -> None:
        early = {
            "line": self.early_line_octets,
            "literals": self.early_literals,
            "literal octets": self.early_literals * self.early_literal_octets,
        }
        late = {"line": self.line_octets, "literals": self.literals, "literal octets": self.literals_octets}
        object.__setattr__(self, "early_budget", early)
        object.__setattr__(self, "budget", late)
        object.__setattr__(self, "enableable", ENABLEABLE & {"IMAP4REV2", *self.extensions})


def format_capabilities(offer: Offer, *, secured: bool, authenticated: bool) -> bytes:
    """What CAPABILITY answers in a state (RFC 9051 section 6.1.1). LITERAL- before login (RFC 7888 section 5)."""
    words = ["IMAP4rev1", "IMAP4rev2", "LITERAL+" if authenticated else "LITERAL-", "ID"]
    if authenticated:
        words += offer.extensions
        words.append(f"APPENDLIMIT={offer.append_octets}")
        return " ".join(words).encode("ascii")
    words += ["SASL-IR", "ENABLE"]
    if offer.starttls and not secured:
        words.append("STARTTLS")
    if secured or offer.login_in_clear:
        words += [f"AUTH={mechanism}" for mechanism in offer.mechanisms]
    else:
        words.append("LOGINDISABLED")
    return " ".join(words).encode("ascii")
