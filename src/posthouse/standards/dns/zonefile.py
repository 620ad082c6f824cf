"""Records as a zone file writes them (RFC 1035 section 5.1)."""

from dataclasses import dataclass

STRING = 255
"""RFC 1035 section 3.3: the longest character-string."""
NAME_WIDTH = 40


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """One record. ``value`` is its data in presentation form; of TXT the plain text, not yet in strings."""

    name: str
    type: str
    value: str
    ttl: int = 3600

    @property
    def strings(self) -> tuple[str, ...]:
        """The text as strings of at most 255 octets each."""
        return tuple([self.value[at : at + STRING] for at in range(0, len(self.value), STRING)]) or ("",)


def format_record(record: ZoneRecord) -> str:
    """One line, or several in parentheses for a long text."""
    start = f"{record.name + '.':<{NAME_WIDTH}} {record.ttl} IN {record.type:<4} "
    if record.type != "TXT":
        return start + record.value
    strings = [_quoted(text) for text in record.strings]
    if len(strings) == 1:
        return start + strings[0]
    inner = "\n".join(f"    {text}" for text in strings)
    return f"{start}(\n{inner} )"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
