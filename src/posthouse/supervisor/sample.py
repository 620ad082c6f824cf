"""The configuration as text: one to begin with, and the one in force. Both are TOML that we read back."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from posthouse.admd.limits import Limits, format_limit
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.kinds import Section
from posthouse.supervisor.sections.doors import IMPLICIT_TLS, PORTS, SERVICES, WITH_LOGIN

ARRAYS = frozenset({"route", "other", "dnsbl"})
"""Keys that are arrays of tables."""

HEAD = """\
# The configuration of one Posthouse node. Domains, accounts and aliases are not here: see `posthouse domain`.
# Sizes are written "25MiB", times "30s", "5m", "4h", "2d". What is commented out shows its default, or an example.
# `posthouse config check` says everything that is wrong; SIGHUP reads limits, certificates and log anew.

hostname = "mail.example.org"
"""

CERTIFICATE = """\
# Without a certificate nobody can log in, and mail from other servers comes in the clear.
# PEM, the chain included
#certificate = "/etc/posthouse/tls/chain.pem"
# PEM, readable by us alone
#key = "/etc/posthouse/tls/key.pem"

# The doors for our own people need that certificate. Take the sign of comment away from those you want.
"""

LISTENERS = """
# One [[listener]] for each port; those for people are in [tls].

[[listener]]
service = "smtp"
address = "0.0.0.0"

[[listener]]
service = "lmtp"
address = "127.0.0.1"
port = 24

[[listener]]
service = "metrics"
address = "127.0.0.1"
"""

ROUTES = """
# Where mail for some domains goes instead of to their mail exchangers; "*" is for all others (a smarthost).
# The protocol "lmtp" is for a server that keeps the mail itself, a Dovecot for one.
#[[relay.route]]
#domain = "headoffice.example"
#host = "192.0.2.25"
#port = 25
#protocol = "smtp"
"""


SCANNERS = """
# Programs that look at each message: kind is clamd, rspamd, milter or icap. `posthouse scanner test` tries them.
#[[scanner]]
#kind = "clamd"
#address = "unix:/run/clamav/clamd.ctl"
#timeout = "30s"
#on_failure = "defer"
#on_virus = "refuse"
#scope = "both"
"""


BLOCK_LISTS = """
# Lists of clients in the DNS: who is on one is refused, deferred, weighed, or welcome.
#[[filter.dnsbl]]
#zone = "zen.example.org"
#action = "score"
#score = 3.0
#codes = ["127.0.0.2", "127.0.0.3"]
#ipv6 = true
"""


def format_sample() -> str:
    """Every key with its default, commented out, and what it is for."""
    return "".join(_sample())


def _sample() -> Iterator[str]:
    yield HEAD
    for name, field in Configuration.model_fields.items():
        if name in {"hostname", "listener", "scanner"}:
            continue
        yield f"\n[{name}]\n"
        if name == "limits":
            yield from _sample_limits()
            continue
        if name == "tls":
            yield from _sample_tls()
            continue
        model: Any = field.annotation
        yield from _sample_keys(name, model)
    yield ROUTES
    yield BLOCK_LISTS
    yield SCANNERS
    yield LISTENERS


def _sample_keys(name: str, model: Any) -> Iterator[str]:
    """The keys of a table, then the tables in it."""
    inner = {}
    for key, field in model.model_fields.items():
        if isinstance(field.default, Section):
            inner[f"{name}.{key}"] = field.annotation
        elif key not in ARRAYS:
            yield from _commented(key, field)
    for table, section in inner.items():
        yield f"\n[{table}]\n"
        yield from _sample_keys(table, section)


def _commented(key: str, field: FieldInfo) -> Iterator[str]:
    value = field.get_default()
    yield f"# {field.description}\n#{key} = {format_value('' if value is None else value)}\n"


def _sample_tls() -> Iterator[str]:
    yield CERTIFICATE
    for service in SERVICES:
        if service in WITH_LOGIN:
            tls = "TLS from the first octet" if service in IMPLICIT_TLS else "STARTTLS"
            yield f'#[[listener]]  # port {PORTS[service]}, {tls}\n#service = "{service}"\n'


def _sample_limits() -> Iterator[str]:
    for field in dataclasses.fields(Limits):
        meta = field.metadata
        yield f"# {meta['number']}, {meta['unit']}: {meta['why']}\n"
        yield f"#{field.name} = {_limit(field.default, str(meta['unit']))}\n"


def _limit(value: Any, unit: str) -> str:
    text = format_limit(value, unit)
    return text if text.isdecimal() else format_value(text)


def format_configuration(configuration: Configuration) -> str:
    """What is in force, limits included."""
    lines = [f"hostname = {format_value(configuration.hostname)}\n"]
    for name in Configuration.model_fields:
        if name not in {"hostname", "limits", "listener", "scanner"}:
            lines += _table(name, getattr(configuration, name))
    limits = configuration.effective_limits
    lines.append("\n[limits]\n")
    for field in dataclasses.fields(Limits):
        lines.append(f"{field.name} = {_limit(getattr(limits, field.name), str(field.metadata['unit']))}\n")
    arrays = (
        ("scanner", configuration.scanner),
        ("listener", configuration.listener),
        ("relay.route", configuration.relay.route),
        ("filter.dnsbl", configuration.filter.dnsbl),
    )
    for name, sections in arrays:
        for section in sections:
            lines += _array(name, section)
    return "".join(lines)


def _table(name: str, section: Section) -> list[str]:
    lines = [f"\n[{name}]\n", *_pairs(section)]
    for key, inner in section:
        if isinstance(inner, Section):
            lines += _table(f"{name}.{key}", inner)
    for other in getattr(section, "other", ()):
        lines += _array(f"{name}.other", other)
    return lines


def _array(name: str, section: Section) -> list[str]:
    return [f"\n[[{name}]]\n", *_pairs(section)]


def _pairs(section: Section) -> Iterator[str]:
    for key, value in section:
        if value is not None and value not in ((), {}) and key not in ARRAYS and not isinstance(value, Section):
            yield f"{key} = {format_value(value)}\n"


def format_value(value: object) -> str:
    """``value`` in TOML; a JSON string is a TOML string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(format_value, value)) + "]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {format_value(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
