"""Writing the field: each result on lines of its own, whatever a stranger put into the values (RFC 8601 section 2.2).

A value that is no token and no address is quoted; control characters, line
ends above all, become question marks. Lines are at most 78 octets where a
single value is not longer.
"""

import re
from collections.abc import Iterable

from posthouse.standards.authres.results import MethodResult

FIELD = "Authentication-Results"
LINE = 78  # RFC 5322 section 2.1.1
MAX_VALUE = 320
"""An address is no longer (RFC 5321 section 4.5.3.1); with it every line stays below 998 octets."""
MAX_TEXT = 160

_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+\Z")  # RFC 2045 section 5.1
_ATOMS = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]"
_ADDRESS = re.compile(rf"(?:{_ATOMS}+(?:\.{_ATOMS}+)*)?@[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z")


def format_results(authserv_id: str, results: Iterable[MethodResult], *, field: str = FIELD, start: str = "") -> bytes:
    """The whole field with its line end. ``start`` goes before the id (``i=1; `` in ARC-Authentication-Results)."""
    written = list(results)
    last = len(written) - 1
    lines = [format_result(one, is_last=number == last) for number, one in enumerate(written)] or ["\tnone\r\n"]
    return "".join([format_beginning(authserv_id, field=field, start=start), *lines]).encode("utf-8")


def format_beginning(authserv_id: str, *, field: str = FIELD, start: str = "") -> str:
    """The first line; results follow."""
    return f"{field}: {start}{format_value(authserv_id)};\r\n"


def format_result(one: MethodResult, *, is_last: bool) -> str:
    """One result on lines of its own, which depend on nothing but it."""
    pieces = _pieces(one)
    if not is_last:
        pieces[-1] += ";"
    lines: list[str] = []
    _lay_out(lines, pieces)
    return "\r\n".join(lines) + "\r\n"


def format_value(text: str) -> str:
    """A ``pvalue``: as it stands if it is a token or an address, else quoted."""
    text = _CONTROL.sub("?", text[:MAX_VALUE])
    if _TOKEN.match(text) or _ADDRESS.match(text):
        return text
    local, at, domain = text.rpartition("@")
    if at and len(local) > 1 and local[0] == local[-1] == '"' and _ADDRESS.match("@" + domain):
        return f"{_quote(local[1:-1].replace(chr(92), ''))}@{domain}"
    return _quote(text)


def _pieces(one: MethodResult) -> list[str]:
    """One result as pieces that may stand on different lines."""
    version = f"/{one.version}" if one.version != 1 else ""
    pieces = [f"{_keyword(one.method)}{version}={_keyword(one.result)}"]
    if one.comment:
        pieces[0] += f" ({_comment(one.comment)})"
    if one.reason:
        pieces.append(f"reason={_quote(_text(one.reason))}")
    pieces += [f"{_keyword(p.kind)}.{_keyword(p.name)}={format_value(p.value)}" for p in one.properties]
    return pieces


def _lay_out(lines: list[str], pieces: list[str]) -> None:
    """Begin a line with the first piece; each other one goes to the end of the last line if it fits."""
    lines.append("\t" + pieces[0])
    for piece in pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= LINE:
            lines[-1] += " " + piece
        else:
            lines.append("\t " + piece)


def _keyword(text: str) -> str:
    if not _KEYWORD.match(text):
        raise ValueError(f"not a keyword: {text[:40]!r}")
    return text


def _text(text: str) -> str:
    """Words for people: ASCII, one line, not long."""
    return _CONTROL.sub("?", text[:MAX_TEXT]).encode("ascii", "replace").decode()


def _comment(text: str) -> str:
    return re.sub(r"[()\\]", lambda mark: "\\" + mark[0], _text(text))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
