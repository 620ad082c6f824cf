"""Octets in a named charset as text. Names are allow-listed, errors become U+FFFD, UTF-7 never runs.

The table follows what browsers read (WHATWG Encoding): ``iso-8859-1`` and
``us-ascii`` are windows-1252 to everybody who still writes them.
"""

_CODECS: dict[str, str] = {
    "us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252",
    "cp1252": "cp1252", "utf-8": "utf-8", "utf8": "utf-8", "utf-16": "utf-16", "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be", "koi8-r": "koi8-r", "koi8-u": "koi8-u", "gb2312": "gb18030", "gbk": "gb18030",
    "gb18030": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_2",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "windows-31j": "cp932", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "iso-2022-kr": "iso2022_kr", "tis-620": "cp874", "windows-874": "cp874",
    "macintosh": "mac_roman", "ibm866": "cp866", "cp866": "cp866", "cp850": "cp850", "cp437": "cp437",
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16)},
    "iso-8859-9": "cp1254",
    **{f"windows-{n}": f"cp{n}" for n in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
}  # fmt: skip

CODECS = frozenset(_CODECS.values())
"""What we decode with. Python loads a codec when it is first needed; who will not be able to then does so before."""


def is_known(charset: str) -> bool:
    """Whether we read this charset."""
    return charset.lower() in _CODECS


def decode_text(octets: bytes, charset: str = "") -> str:
    """Text for people; never fails. An unknown charset is tried as UTF-8, then as windows-1252."""
    codec = _CODECS.get(charset.lower()) if charset else None
    if codec is None or codec == "cp1252":
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("cp1252", "replace")
    try:
        return octets.decode(codec, "replace")
    except (UnicodeError, LookupError):  # some multibyte codecs raise on broken shifts whatever they are told
        return octets.decode("cp1252", "replace")
