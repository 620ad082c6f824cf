"""The words of the scorecard: fault classes, failures, severities, the essay's weaknesses.

The fault classes are those of Avizienis, Laprie, Randell and Landwehr (2004), grouped as far as a mail server needs.
"""

from dataclasses import dataclass

VIEWPOINTS = (
    "phase of creation", "system boundary", "phenomenological cause", "dimension",
    "objective", "intent", "capability", "persistence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FaultClass:
    """``viewpoints`` in the order of ``VIEWPOINTS``; ``group`` is design, physical or interaction."""

    code: str
    group: str
    title: str
    viewpoints: tuple[str, ...]

    def named(self) -> dict[str, str]:
        return dict(zip(VIEWPOINTS, self.viewpoints, strict=True))


def _class(code: str, group: str, title: str, viewpoints: str) -> FaultClass:
    return FaultClass(code, group, title, tuple(viewpoints.split(", ")))


FAULT_CLASSES = {
    one.code: one
    for one in (
        _class(
            "SF-n", "Design", "bugs, missing checks",
            "development, internal, human-made, software, non-malicious, non-deliberate, accidental, permanent",
        ),
        _class(
            "SF-d", "Design", "deliberate trade-offs",
            "development, internal, human-made, software, non-malicious, deliberate, incompetence, permanent",
        ),
        _class(
            "ML", "Design", "planted logic",
            "development, internal, human-made, software, malicious, deliberate, -, permanent",
        ),
        _class(
            "HW", "Physical", "disk, memory, power, clock",
            "operational, internal, natural, hardware, non-malicious, non-deliberate, -, transient",
        ),
        _class(
            "IM", "Interaction", "mistakes of people and peers",
            "operational, external, human-made, software, non-malicious, deliberate, incompetence, transient",
        ),
        _class(
            "IA", "Interaction", "intrusion attempts",
            "operational, external, human-made, software, malicious, deliberate, -, transient",
        ),
        _class(
            "VW", "Interaction", "viruses and worms",
            "operational, external, human-made, software, malicious, deliberate, -, permanent",
        ),
    )
}  # fmt: skip

DOMAINS = {"C": "wrong content", "Te": "too early", "Tl": "too late", "H": "halt", "E": "erratic"}
DETECTABILITY = {"s": "signalled", "u": "unsignalled"}
CONSISTENCY = {"=": "the same for all", "≠": "different for two observers"}
SEVERITIES = {
    "V4": "mail or secrets lost, relay",
    "V3": "mail forged, refused, doubled",
    "V2": "outage of under 4 h",
    "V1": "short delay, addresses told",
    "V0": "minor",
}
MEANS = {"FP": "prevention", "FT": "tolerance", "FR": "removal", "FF": "forecasting"}
MOTIVES = {
    "$": "income by fraud and spam",
    "E": "espionage",
    "S": "sabotage, extortion",
    "H": "harassment",
    "A": "accident",
    "R": "research, scanning",
}

WEAKNESSES = {
    "D-1": ("DSN abuse", "3.1.1"),
    "D-2": ("DSN tells too much", "3.1.1"),
    "D-3": ("Buffers", "3.1.2"),
    "D-4": ("Direct DoS", "3.1.3"),
    "D-5": ("Mail bombing", "3.1.3"),
    "D-6": ("Spoofing", "3.1.4"),
    "D-7": ("Open relay", "3.1.5"),
    "D-8": ("Weak accounts", "3.1.5"),
    "D-9": ("Multiple copies", "3.1.6"),
    "D-10": ("Malware", "3.1.7"),
    "D-11": ("Shared server", "4.0"),
    "D-12": ("Complexity", "3.0"),
    "D-13": ("Webmail", "1.2"),
}
"""What the essay calls a weakness, and its section."""

SURFACES = (
    "smtp", "tls", "dns", "accounts", "identity", "bounces", "volume", "content", "imap", "pop3", "jmap", "sieve",
    "web", "persistence", "operations",
)  # fmt: skip
