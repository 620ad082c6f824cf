"""HTML that says one thing and does another (threat M08): links, forms, scripts; found with ``find``, never parsed.

Linear: every tag is looked at once, within ``LINKS`` links and ``FORMS``
forms, and what stands between ``<a`` and ``</a`` for at most ``TEXT_OCTETS``.
"""

import html
import re
from urllib.parse import unquote

from posthouse.filter.content.finding import Findings, Kind, quoted

LINKS = 500
TEXT_OCTETS = 2048
HREF_OCTETS = 2048

_HREF = re.compile(rb"\bhref\s*+=\s*+(?:\"([^\"]*+)|'([^']*+)|([^\s>]++))", re.IGNORECASE)
_ACTION = re.compile(rb"\baction\s*+=\s*+[\"']?https?:", re.IGNORECASE)
_TAG = re.compile(rb"<[^>]*+>?+")
_SPOKEN = re.compile(
    r"\s*+(?:(?:https?|ftp)://|(?=www\.))(?:[^\s/@]*+@)?+([a-z0-9\u00a1-\uffff.-]+\.[a-z\u00a1-\uffff]{2,24})(?=[\s/:?#.,]|\Z)"
    r"|\s*+([a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|info|biz|de|uk|fr|eu|io|test|example)(?:\.[a-z]{2})?+)/?+\s*\Z",
    re.IGNORECASE,
)
_TARGET = re.compile(r"\s*+(?:https?|ftp):[/\\]{2,}([^/\\?#]*+)", re.IGNORECASE)
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}\.?\Z|\[[0-9a-f:.]+\]\Z", re.IGNORECASE)
_DROPPERS = (b"msSaveOrOpenBlob", b"createObjectURL", b"new Blob(", b"new File(", b"data:application/octet-stream")
_DROPPERS_LOWER = tuple(one.lower() for one in _DROPPERS)
_DECODERS = (b"atob(", b"uint8array", b"fromcharcode", b"base64")
_SECOND_LEVEL = frozenset(["co", "com", "org", "net", "ac", "gov", "edu", "ne", "or", "go"])


def judge_html(octets: bytes, findings: Findings, where: str = "", *, is_file: bool = False) -> None:
    """All that can be seen without parsing. ``is_file``: an attachment, which opens in a browser and runs scripts."""
    lower = octets.lower()
    _judge_links(octets, lower, findings, where)
    if b"<form" in lower:
        _judge_forms(lower, findings, where)
    has_script = b"<script" in lower or b"javascript:" in lower
    if has_script and any(one in lower for one in _DROPPERS_LOWER) and any(one in lower for one in _DECODERS):
        findings.add(Kind.SMUGGLING, f"HTML{where} that builds a file by script")
    elif has_script:
        findings.add(Kind.ACTIVE, f"HTML{where} with a script" + (", as a file" if is_file else ""))
    elif b"<iframe" in lower or b"<object" in lower or b"<embed" in lower or b"<applet" in lower:
        findings.add(Kind.ACTIVE, f"HTML{where} that embeds something else")
    if b"http-equiv" in lower and re.search(rb"http-equiv\s*+=\s*+[\"']?refresh", lower):
        findings.add(Kind.ACTIVE, f"HTML{where} that goes elsewhere by itself")


def _judge_forms(lower: bytes, findings: Findings, where: str) -> None:
    secret = re.search(rb"type\s*+=\s*+[\"']?password", lower)
    outside = _ACTION.search(lower)
    if secret or outside:
        findings.add(Kind.FORM, f"HTML{where} with a form" + (" that asks for a password" if secret else ""))


def _judge_links(octets: bytes, lower: bytes, findings: Findings, where: str) -> None:
    at = lower.find(b"<a")
    seen: set[tuple[bytes, bytes]] = set()
    for _ in range(LINKS):
        if at < 0:
            return
        if lower[at + 2 : at + 3] in b" \t\r\n/\f":
            end = lower.find(b"</a", at, at + TEXT_OCTETS)
            following = lower.find(b"<a ", at + 2, end) if end > 0 else -1  # an anchor that is not closed
            end = following if following > 0 else end if end > 0 else min(len(octets), at + TEXT_OCTETS)
            link = _split(octets[at:end])
            if link is not None and link not in seen:
                seen.add(link)
                _judge_link(*link, findings, where)
        at = lower.find(b"<a", at + 2)


def _split(octets: bytes) -> tuple[bytes, bytes] | None:
    """Target and visible text of an anchor."""
    head, _, text = octets.partition(b">")
    match = _HREF.search(head[:HREF_OCTETS])
    if match is None:
        return None
    return next(one for one in match.groups() if one is not None), text


def _judge_link(target_octets: bytes, text_octets: bytes, findings: Findings, where: str) -> None:
    target = (
        html.unescape(target_octets[:HREF_OCTETS].decode("utf-8", "replace"))
        .replace("\t", "")
        .replace("\n", "")
        .replace("\r", "")
    )
    start = target.lstrip("\x00 ").lower()
    if start.startswith(
        ("javascript:", "vbscript:", "data:text/html", "data:application", "file:", "search-ms:", "ms-")
    ):
        findings.add(Kind.LINK, f"a link{where} to {start.partition(':')[0]}:")
        return
    match = _TARGET.match(target)
    if match is None:
        return
    authority = match[1]
    user, at, place = authority.rpartition("@")
    host = host_of(place)
    if at and "." in user:
        findings.add(Kind.LINK, f"a link{where} that names {quoted(user)} and leads to {quoted(host)}")
    if _NUMERIC.match(host):
        findings.add(Kind.LINK, f"a link{where} to a bare address, {quoted(host)}")
    elif host.startswith("xn--") or ".xn--" in host or not host.isascii():
        findings.add(Kind.LINK, f"a link{where} to a host in foreign letters, {quoted(host)}")
    spoken = spoken_host(text_octets)
    if spoken and host and not is_same_house(spoken, host):
        findings.add(Kind.LINK, f"a link{where} that says {quoted(spoken)} and leads to {quoted(host)}")


def host_of(place: str) -> str:
    """The host of an authority, in lower case, without port, as a browser reads it."""
    host = unquote(place).lower()
    if not host.startswith("["):
        host = host.partition(":")[0]
    return host.replace("\u3002", ".").replace("\uff0e", ".").rstrip(".")


def spoken_host(text: bytes) -> str:
    """The host that the visible text of a link names, empty if it names none."""
    bare = _TAG.sub(b"", text[:TEXT_OCTETS])
    if b"." not in bare and b"&" not in bare:
        return ""
    match = _SPOKEN.match(html.unescape(bare.decode("utf-8", "replace")[:300]))
    return (match[1] or match[2]).lower().rstrip(".") if match is not None else ""


def is_same_house(one: str, other: str) -> bool:
    """Whether two hosts have the same owner, as far as names show without a list of public suffixes."""
    return one == other or _owner(one) == _owner(other)


def _owner(host: str) -> str:
    labels = host.split(".")
    keep = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-keep:])
