"""Records as a zone file writes them (RFC 1035 section 5.1)."""

from dataclasses import dataclass

STRING = 255
"""RFC 1035 section 3.3: the longest character-string."""
NAME_WIDTH = 40
LINE = 68
"""Of a long text on one line: readers put the strings together, and people read them in 80 columns."""


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
    text = record.value
    if record.type != "TXT":
        return start + text
    if len(text) <= LINE:
        return start + _quoted(text)
    inner = "\n".join(f"    {_quoted(text[at : at + LINE])}" for at in range(0, len(text), LINE))
    return f"{start}(\n{inner} )"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
