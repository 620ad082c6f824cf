"""The journal that the configuration asks for."""

from typing import Any

from posthouse.observe.journal import StreamJournal
from posthouse.observe.ports import Level
from posthouse.supervisor.config import Configuration

LEVELS = {"debug": Level.DEBUG, "info": Level.INFO, "warning": Level.WARNING, "alarm": Level.ALARM}


def make_journal(configuration: Configuration, stream: Any) -> StreamJournal:
    """Written to ``stream``: for people where somebody looks on, else as JSON."""
    as_json = {"auto": None, "logfmt": False, "json": True}[configuration.log.format]
    return StreamJournal(stream, as_json=as_json, level=LEVELS[configuration.log.level])
