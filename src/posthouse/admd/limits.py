"""Every limit of the house, with its number, default and reason, in one place.

``posthouse limits`` prints this table; the configuration may change values
but not remove them: zero or less is an error, never "unlimited". Some belong to
a standard or to how messages are stored, and cannot be changed (``FIXED``);
some wait for the surface that they are for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

KIB = 1024
MIB = 1024 * KIB


def limit(number: str, default: float, unit: str, why: str) -> Any:
    """A field of ``Limits`` that knows its number in the catalogue, its unit and its reason."""
    return field(default=default, metadata={"number": number, "unit": unit, "why": why})


SIZES = (("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", KIB), ("B", 1))
DURATIONS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def format_limit(value: float, unit: str) -> str:
    """``value`` exactly, as the configuration writes it: ``50MiB``, ``4h``, ``1000``."""
    scale = SIZES if unit.startswith("octets") else DURATIONS if unit == "seconds" else ()
    for name, factor in scale:
        if value % factor == 0:
            return f"{value // factor}{name}"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    message_octets: int = limit("L1", 50 * MIB, "octets", "largest message, announced as SIZE; counted as it is read")
    command_octets: int = limit("L2", 2048, "octets", "longest SMTP command line with CRLF")
    auth_octets: int = limit("L2", 12288, "octets", "longest line of a SASL exchange (RFC 4954 section 4)")
    overlong_drain_octets: int = limit("L2", 64 * KIB, "octets", "read after an endless line before we hang up")
    line_octets: int = limit("L3", 64 * KIB, "octets", "longest line in a message; over 998 it is mended when relayed")
    header_octets: int = limit("L4", 256 * KIB, "octets", "all header fields of a message together")
    field_octets: int = limit("L5", 32 * KIB, "octets", "one header field")
    address_field_octets: int = limit("L5", 128 * KIB, "octets", "one header field that lists addresses")
    fields: int = limit("L6", 1000, "fields", "header fields of a message")
    addresses: int = limit("L7", 2000, "addresses", "addresses of one message that readers are told of; it stays whole")
    mx_recipients: int = limit("L12", 200, "recipients", "recipients of one message from outside")
    submission_recipients: int = limit("L12", 500, "recipients", "recipients of one message from our own people")
    mx_messages: int = limit("L13", 50, "messages", "messages on one connection from outside")
    submission_messages: int = limit("L13", 100, "messages", "messages on one submission connection")
    client_connections: int = limit("L14", 20, "connections", "at once from one address (IPv6 /64)")
    near_connections: int = limit("L14", 60, "connections", "at once from one /26 (IPv6 /48)")
    far_connections: int = limit("L14", 200, "connections", "at once from one /21 (IPv6 /32)")
    connections: int = limit("L14", 2000, "connections", "at once in all; a quarter is kept for submission and access")
    client_connects: int = limit("L15", 60, "a minute", "new connections to port 25 from one address (IPv6 /64)")
    near_connects: int = limit("L15", 180, "a minute", "new connections from one /26 (IPv6 /48)")
    far_connects: int = limit("L15", 600, "a minute", "new connections from one /21 (IPv6 /32)")
    client_messages: int = limit("L16", 120, "a minute", "messages from one address, aborted ones included")
    client_octets: int = limit("L16", 200 * MIB, "octets a minute", "content from one address, aborted included")
    pair_messages_minute: int = limit("L16", 30, "a minute", "messages from one sender domain to one recipient")
    pair_messages_hour: int = limit("L16", 600, "an hour", "messages from one sender domain to one recipient")
    recipient_messages_minute: int = limit(
        "L16", 300, "a minute", "messages of strangers to one recipient, of all senders"
    )
    command_seconds: int = limit("L17", 60, "seconds", "silence between two commands")
    stress_seconds: int = limit("L17", 10, "seconds", "the same under stress")
    content_seconds: int = limit("L17", 300, "seconds", "silence while content is sent")
    transfer_seconds: int = limit("L18", 1800, "seconds", "one content from first to last octet")
    transfer_rate: int = limit("L18", KIB, "octets a second", "least average over 30 s, after the first 30 s")
    soft_errors: int = limit("L19", 5, "errors", "after these each error costs the client a second")
    hard_errors: int = limit("L19", 15, "errors", "after these we say 421 and hang up")
    junk_commands: int = limit(
        "L19", 50, "commands", "without mail (NOOP, RSET, HELO, VRFY) before 421; before login to POP3"
    )
    stress_errors: int = limit("L19", 3, "errors", "the same for strangers under stress")
    stress_junk: int = limit("L19", 10, "commands", "the same for strangers under stress")
    greet_seconds: int = limit("L19", 1, "seconds", "wait for a greeting, for offenders; for the unknown under stress")
    offences_hour: int = limit(
        "L19", 3, "an hour", "sessions of one address ended for misconduct; more make an offender"
    )
    unknown_recipients: int = limit("L20", 5, "recipients", "unknown recipients in one session before 421")
    unknown_recipients_hour: int = limit("L20", 20, "an hour", "unknown recipients from one address")
    auth_failures: int = limit("L21", 3, "failures", "failed logins on one connection")
    client_auth_failures_minute: int = limit("L21", 10, "a minute", "failed logins from one address")
    client_auth_failures_day: int = limit("L21", 50, "a day", "failed logins from one address")
    account_auth_failures_hour: int = limit("L21", 20, "an hour", "failed logins to one account from new addresses")
    auth_failures_minute: int = limit("L21", 100, "a minute", "failed logins in all; more raise an alarm")
    spray_accounts: int = limit("L21", 8, "accounts", "tried with one password within an hour; more raise an alarm")
    hops: int = limit("L22", 100, "Received fields", "a message that has been through more is going in circles")
    own_hops: int = limit("L22", 10, "Received fields", "the same, counting only our own")
    alias_expansion: int = limit("L23", 1000, "addresses", "what one address may stand for")
    alias_depth: int = limit("L23", 10, "levels", "aliases of aliases")
    returned_octets: int = limit("L24", 16 * KIB, "octets", "of the message body returned in a report")
    stranger_reports_hour: int = limit("B01", 10, "an hour", "reports to one address we cannot know is real")
    replays_hour: int = limit("D05", 50, "an hour", "copies of one signed message for people whom it does not name")
    queue_seconds: int = limit("L25", 5 * 86400, "seconds", "how long a message is tried")
    report_queue_seconds: int = limit("L25", 2 * 86400, "seconds", "how long a report is tried")
    retry_first_seconds: int = limit("L25", 300, "seconds", "before the second try; doubles, with 20 % of jitter")
    retry_most_seconds: int = limit("L25", 7200, "seconds", "longest pause between two tries")
    delay_warning_seconds: int = limit("L25", 4 * 3600, "seconds", "after which the sender hears of a delay, once")
    destination_connections: int = limit("L26", 20, "connections", "most at once to one destination; begins with 2")
    recipients_per_transfer: int = limit("S12", 50, "recipients", "of one transaction to one destination host")
    account_messages_day: int = limit("L27", 1000, "a day", "messages from one account to outside")
    account_recipients_burst: int = limit("L27", 100, "in 10 minutes", "recipients from one account")
    account_new_recipients_day: int = limit(
        "L27", 500, "a day", "people outside whom an account writes to for the first time; then it is held"
    )
    bounced_percent: int = limit("L27", 20, "percent", "of what an account sent, refused outside; then it is held")
    bounced_of: int = limit("L27", 50, "recipients", "of an account in a day before their share of failures counts")
    free_octets: int = limit("L28", 1024 * MIB, "octets", "free disk space below which mail is deferred")
    refused_octets_day: int = limit(
        "L28", 32 * MIB, "octets a day", "records of what strangers were refused at one door, each kept for 30 days"
    )
    free_inodes: int = limit("L28", 10000, "inodes", "free inodes below which mail is deferred")
    imap_line_octets: int = limit("L30", 16 * KIB, "octets", "longest IMAP line after login")
    imap_early_line_octets: int = limit("L30", 4 * KIB, "octets", "longest IMAP line before login")
    imap_literal_octets: int = limit("L31", 100 * KIB, "octets", "one literal, other than the message of APPEND")
    imap_literals_octets: int = limit("L31", MIB, "octets", "all literals of one command")
    imap_literals: int = limit("L31", 200, "literals", "literals of one command")
    imap_early_literal_octets: int = limit("L31", 4 * KIB, "octets", "one literal before login")
    imap_early_literals: int = limit("L31", 4, "literals", "literals of one command before login")
    imap_depth: int = limit("L32", 50, "levels", "nested parentheses after login; one before")
    imap_account_connections: int = limit("L33", 20, "connections", "IMAP connections of one account")
    imap_commands_minute: int = limit("L33", 1000, "a minute", "commands on one IMAP connection, then it is slowed")
    early_seconds: int = limit("L33", 30, "seconds", "silence before login (IMAP, POP3)")
    idle_seconds: int = limit("L33", 1800, "seconds", "silence after login; 30 minutes by RFC 9051 section 5.4")
    password_characters: int = limit("L41", 12, "characters", "a shorter password needs a zxcvbn score of 3")
    scram_iterations: int = limit("L41", 15000, "iterations", "of SCRAM-SHA-256 verifiers")
    hash_workers: int = limit("L41", 2, "at once", "password hashes computed at the same time; each takes 19 MiB")
    hash_backlog: int = limit("L41", 64, "waiting", "logins waiting for a hash; more are told to come back")
    archive_depth: int = limit("M07", 3, "levels", "archives in archives that are opened; deeper is unscannable")
    archive_entries: int = limit("M07", 1000, "files", "in all archives of one message; more are unscannable")
    archive_octets: int = limit("M07", 100 * MIB, "octets", "unpacked from one message; more is unscannable")
    archive_ratio: int = limit("M07", 100, "times", "as large when unpacked, beyond the first MiB")
    examination_seconds: int = limit(
        "M07", 5, "seconds", "of the processor for our look at a message; deferred after 4 times"
    )
    content_workers: int = limit("M07", 2, "at once", "large messages and archives looked at, each by a process")
    content_backlog: int = limit("M07", 64, "waiting", "messages waiting for one of them; more are deferred")
    worm_accounts: int = limit("M08", 5, "accounts", "that send the same file within ten minutes; then it is held")
    classifier_lessons_day: int = limit("L42", 200, "a day", "messages that the classifier learns from one account")
    worker_octets: int = limit("M07", 272 * MIB, "octets", "of address space for such a process")

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"limits.{name} must be positive: zero never means unlimited")


FIXED = (
    ("L8", "mime_parameters", 64, "parameters", "parameters of one MIME field (RFC 2231)"),
    ("L9", "mime_depth", 32, "levels", "nested MIME parts; what is deeper is one opaque part"),
    ("L10", "mime_parts", 1000, "parts", "MIME parts of one message"),
    ("L11", "boundary_octets", 70, "octets", "longest boundary (RFC 2046 section 5.1.1)"),
    ("L14", "public_share", 75, "percent", "of all connections, for strangers; 5 of them for newcomers"),
    ("R03", "sender_share", 20, "percent", "of a mailbox, that one domain of strangers may fill in a day"),
    ("R03", "strangers_share", 90, "percent", "of a mailbox; then only known correspondents get in"),
    ("R11", "limiter_entries", 65536, "sources", "in each table of rates; others are known in outline"),
    ("L29", "verify_answer", 252, "reply", "to VRFY, always; EXPN does not exist"),
    ("L37", "spf_lookups", 10, "terms", "that ask the DNS (RFC 7208 section 4.6.4), 2 in vain"),
    ("L37", "dns_questions", 60, "questions", "for one message, 40 of them for SPF, in 10 seconds"),
    ("L38", "dkim_signatures", 10, "signatures", "verified of one message; RSA 1024 to 4096 bits, no l="),
    ("D11", "report_addresses", 2, "addresses", "of those that one domain names, that a report of ours goes to"),
    ("D11", "report_rows", 1000, "rows", "kept for tomorrow's report about one domain; others are only counted"),
    ("D11", "report_mails", 2000, "a day", "reports of ours; one a day for each domain"),
    ("D11", "failure_reports_hour", 10, "an hour", "about single messages, to one domain: its forger sets the pace"),
    ("D11", "failure_reports_day", 500, "a day", "about single messages, to all: many domains make no cannon of us"),
    ("D11", "arrived_reports", 5000, "a day", "reports of others that a node keeps"),
    ("L40", "report_octets", 10 * MIB, "octets", "unpacked from one report; at most 100 times its size"),
)
"""Number, name, value, unit and reason of what is the same in every house."""

SETTABLE = "set in [limits]"

WAITING = (
    ("L34", "jmap_calls", 16, "calls", "in one JMAP request", "JMAP"),
    ("L35", "sieve_steps", 10000, "steps", "of one Sieve script", "Sieve"),
    ("L36", "http_requests_minute", 600, "a minute", "requests of somebody logged in; 120 of others", "HTTP"),
    ("L39", "policy_octets", 64 * KIB, "octets", "of an MTA-STS policy, in 10 seconds", "MTA-STS"),
)
"""The same for what is not there yet, and the surface they wait for."""


def list_limits(limits: Limits) -> Iterator[dict[str, Any]]:
    """Every limit of the catalogue with its value in force; ``state`` is ``SETTABLE``, "fixed" or what it waits for."""
    for one in fields(limits):
        known = one.metadata
        yield {
            "limit": one.name,
            "number": known["number"],
            "value": getattr(limits, one.name),
            "default": one.default,
            "unit": known["unit"],
            "why": known["why"],
            "state": SETTABLE,
        }
    for number, name, value, unit, why in FIXED:
        yield _unchanging(number, name, value, unit, why, "fixed")
    for number, name, value, unit, why, surface in WAITING:
        yield _unchanging(number, name, value, unit, why, f"waits for {surface}")


def _unchanging(number: str, name: str, value: int, unit: str, why: str, state: str) -> dict[str, Any]:
    return {
        "limit": name,
        "number": number,
        "value": value,
        "default": value,
        "unit": unit,
        "why": why,
        "state": state,
    }
