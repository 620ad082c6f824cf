"""Which failures a domain wants to be told of one by one: the ``fo`` of its record (RFC 9989 section 4.7)."""

from collections.abc import Collection
from typing import Final

OPTIONS: Final = frozenset("01ds")
MECHANISMS: Final = ("dkim", "spf")


def failure_wanted(fo: str, *, aligned: Collection[str], signature_failed: bool, spf_failed: bool) -> str:
    """What is told of a message: that it failed ``dmarc``, or ``signature`` or ``spf`` alone. Empty: nothing.

    ``aligned`` are the mechanisms that gave an aligned pass. What means nothing
    in ``fo`` is passed over; when nothing is left the default holds.
    """
    options = {one.strip().lower() for one in fo.split(":")} & OPTIONS or {"0"}
    failed = [one for one in MECHANISMS if one not in aligned]
    if ("1" in options and failed) or ("0" in options and len(failed) == len(MECHANISMS)):
        return "dmarc"
    if "d" in options and signature_failed:
        return "signature"
    return "spf" if "s" in options and spf_failed else ""
