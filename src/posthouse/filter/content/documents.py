"""What PDF, RTF and the XML inside office documents do when they are opened. Searched for, not parsed; linear."""

import re

from posthouse.filter.content.finding import Findings, Kind

_ACTIONS = (
    (re.compile(rb"/Launch\b"), "starts a program"),
    (re.compile(rb"/(?:JavaScript|JS)\b"), "runs a script"),
    (re.compile(rb"/EmbeddedFiles?\b"), "has files in it"),
    (re.compile(rb"/XFA\b.{0,200}/(?:OpenAction|AA)\b", re.DOTALL), "does something when it is opened"),
)
_RELATIONSHIP = re.compile(rb"<(?:[\w.-]{1,64}+:)?Relationship\b[^<]*+", re.IGNORECASE)
"""To the next element: a value may have a > in it, and no <."""
_EXTERNAL = re.compile(rb"TargetMode\s*+=\s*+[\"']External[\"']", re.IGNORECASE)
_FETCHED = re.compile(
    rb"relationships/(?:attachedTemplate|oleObject|frame|subDocument|externalLinkPath/xlPathMissing)[\"']",
    re.IGNORECASE,
)
_RTF_TEMPLATE = re.compile(rb"\\\*\\template[\s{}]{0,20}+(?:https?:|\\\\|//|file:)", re.IGNORECASE)


_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
ESCAPED_OCTETS = 256 * 1024
"""Of a PDF are searched for names that are written with escapes."""
RELATIONSHIPS_OCTETS = 1024 * 1024


def judge_document(octets: bytes, name: str, findings: Findings, where: str) -> None:
    """A PDF or an RTF."""
    if name == "PDF":
        spelled = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), octets[:ESCAPED_OCTETS])
        for pattern, what in _ACTIONS:
            if pattern.search(octets) or pattern.search(spelled):
                findings.add(Kind.ACTIVE, f"a PDF{where} that {what}")
    else:
        if _RTF_TEMPLATE.search(octets):
            findings.add(Kind.REMOTE, f"a template from elsewhere{where}")
        if b"\\objdata" in octets or b"\\objupdate" in octets or b"\\objocx" in octets:
            findings.add(Kind.ACTIVE, f"an RTF{where} with objects in it")


def judge_office_part(name: str, octets: bytes, findings: Findings, where: str) -> None:
    """One part of an Office Open XML or OpenDocument package."""
    if name.endswith(".rels"):
        for match in _RELATIONSHIP.finditer(octets[:RELATIONSHIPS_OCTETS]):
            if _EXTERNAL.search(match[0]) and _FETCHED.search(match[0]):
                findings.add(Kind.REMOTE, f"a template or an object from elsewhere{where}")
                return
    elif name == "[Content_Types].xml":
        if b"vnd.ms-office.vbaProject" in octets or b"vnd.ms-excel.macrosheet" in octets:
            findings.add(Kind.MACRO, f"macros{where}")
    elif name == "META-INF/manifest.xml" and b"manifest:encryption-data" in octets:
        findings.add(Kind.ENCRYPTED, f"an encrypted document{where}")
