"""What the header of a message may cost and where it may have been: limits L4 to L6 and L22."""

from posthouse.admd.limits import Limits
from posthouse.mail.reply import Reply
from posthouse.standards.imf.header import find_seam, parse_header
from posthouse.standards.imf.trace import count_received

TOO_LARGE = Reply(554, "5.6.0", ("the header is too large",))
FIELD_TOO_LARGE = Reply(554, "5.6.0", ("a header field is too large",))
TOO_MANY_FIELDS = Reply(554, "5.6.0", ("too many header fields",))
LOOP = Reply(554, "5.4.6", ("this message has been here too often: a mail loop",))

_EXCESS = {"L4": TOO_LARGE, "L5": FIELD_TOO_LARGE, "L6": TOO_MANY_FIELDS}


def judge_header(octets: bytes, hostname: str, limits: Limits) -> Reply | None:
    """The refusal that the header earns, None for nearly every message, which costs two looks at it."""
    end, _ = find_seam(octets, 0, len(octets))
    if end > limits.header_octets:
        return TOO_LARGE
    head = octets[:end]
    if end > limits.field_octets or head.count(b"\n") > limits.fields:
        header = parse_header(
            octets,
            header_octets=limits.header_octets,
            field_octets=limits.field_octets,
            address_field_octets=limits.address_field_octets,
            fields=limits.fields,
        )
        if header.excess:
            return _EXCESS[header.excess]
    return _judge_hops(head, hostname, limits)


def _judge_hops(head: bytes, hostname: str, limits: Limits) -> Reply | None:
    """RFC 5321 section 6.3: a simple count of Received fields; a lower one for those that are ours."""
    lower = head.lower()
    hops = lower.count(b"\nreceived:") + lower.startswith(b"received:")
    if hops <= limits.own_hops:
        return None
    if hops > limits.hops or count_received(parse_header(head), hostname) > limits.own_hops:
        return LOOP
    return None
