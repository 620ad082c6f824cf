"""What the name of a file gives away (threats M08, M09): active types, double extensions, letters that hide the end."""

import re
import unicodedata

from posthouse.filter.content.finding import Findings, Kind, quoted

PROGRAMS = frozenset({
    "exe", "scr", "com", "pif", "cpl", "dll", "sys", "ocx", "drv", "msi", "msp", "mst", "msix", "appx", "appxbundle",
    "msixbundle", "jar", "class", "apk", "ipa", "xap", "iso", "img", "vhd", "vhdx", "vmdk", "udf", "dmg", "pkg",
    "deb", "rpm", "run", "elf", "appimage", "chm", "hlp", "one", "onepkg", "lnk", "application", "appref-ms",
    "gadget", "msc", "xll", "wll", "xlam", "ppam", "ade", "adp", "mda", "mdb", "mde", "accda", "accdb", "accde",
    "ops", "scf", "cab", "diagcab", "theme", "website", "library-ms", "search-ms", "settingcontent-ms", "desktop",
    "command", "workflow", "action", "scpt", "app", "prg", "mam", "maf", "grp", "osd", "its", "jnlp",
})  # fmt: skip
SCRIPTS = frozenset({
    "bat", "cmd", "ps1", "ps1xml", "ps2", "psm1", "psd1", "psc1", "vbs", "vbe", "vb", "js", "jse", "mjs", "ws", "wsf",
    "wsh", "wsc", "hta", "sct", "shb", "shs", "reg", "inf", "ins", "isp", "url", "sh", "bash", "csh", "ksh", "zsh",
    "iqy", "oqy", "rqy", "slk", "udl", "au3", "a3x", "ahk",
})  # fmt: skip
MACROS = frozenset({
    "docm", "dotm", "xlsm", "xltm", "xlsb", "pptm", "potm", "ppsm", "sldm",
})  # fmt: skip
HARMLESS = frozenset({
    "pdf", "doc", "docx", "dot", "dotx", "odt", "rtf", "txt", "xls", "xlsx", "xlt", "xltx", "ods", "csv", "ppt",
    "pptx", "pps", "ppsx", "odp", "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp", "svg", "mp3", "mp4",
    "wav", "avi", "mov", "mkv", "htm", "html", "xml", "zip", "rar", "7z", "gz", "eml", "msg", "ics", "vcf", "log",
})  # fmt: skip
"""What a disguise pretends to be."""

LONGEST = 255

_OVERRIDES = re.compile("[\u202d\u202e]")
"""They turn letters round; marks and isolates that honest names in Arabic and Hebrew need do not."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_PADDED = re.compile(r"[\s_.]{4}")
"""Of a name read backwards: a search for its end would begin at every place (30,000 letters: eight seconds)."""


def plain(name: str) -> str:
    """The name as a system will read it: no directories, no invisible letters, no blanks or dots at the end."""
    if not name.isascii():
        name = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name[: 4 * LONGEST]))
    name = name.partition("\x00")[0] or name.replace("\x00", "")
    name = name.replace("\\", "/").rpartition("/")[2]
    name = name.removesuffix(":$DATA").rstrip(": .\t\r\n\"'")
    return name.lower()


def extension(name: str) -> str:
    """What stands behind the last dot of a ``plain`` name."""
    return name.rpartition(".")[2].strip() if "." in name else ""


def judge_name(name: str, findings: Findings, where: str = "") -> None:
    """All that the name of an attachment, or of a file in an archive, says."""
    bare = plain(name)
    ending = extension(bare)
    shown = quoted(name) + where
    is_active = ending in PROGRAMS or ending in SCRIPTS
    if ending in PROGRAMS:
        findings.add(Kind.EXECUTABLE, f"{shown} is a program by its name")
    elif ending in SCRIPTS:
        findings.add(Kind.SCRIPT, f"{shown} is a script by its name")
    elif ending in MACROS:
        findings.add(Kind.MACRO, f"{shown} is a document with macros by its name")
    if _OVERRIDES.search(name):
        findings.add(Kind.DISGUISE, f"{shown} has letters that turn the reading direction round")
    if is_active:
        _judge_disguise(name, bare, ending, shown, findings)
    if climbs(name):
        findings.add(Kind.DISGUISE, f"{shown} would leave its directory")
    if "\x00" in name or (":" in name[2:] and ending and not name[2:].startswith("://")):
        findings.add(Kind.NAME, f"{shown} has a colon or a NUL in it")
    elif _CONTROL.search(name) or len(name) > LONGEST:
        findings.add(Kind.NAME, f"{shown} is no name that a file could have")


def _judge_disguise(name: str, bare: str, ending: str, shown: str, findings: Findings) -> None:
    rest = bare.removesuffix("." + ending)
    before = extension(rest.rstrip(" _.\t-"))
    if before in HARMLESS:
        findings.add(Kind.DISGUISE, f"{shown} pretends to be .{before} and is .{ending}")
    elif _PADDED.match(rest[::-1]) or "\x00" in name or (not name.isascii() and _INVISIBLE.search(name)):
        findings.add(Kind.DISGUISE, f"{shown} hides that it is .{ending}")


def leaves_directory(name: str) -> bool:
    """Whether a name in an archive is absolute or climbs out."""
    bare = name.replace("\\", "/")
    return bare[:1] == "/" or bare[1:3] == ":/" or climbs(name)


def climbs(name: str) -> bool:
    """Whether a name leads upwards. Old programs say of honest files where they once lay, but never that."""
    bare = name.replace("\\", "/")
    return bare == ".." or bare[:3] == "../" or "/../" in bare
