"""Laws of address fields: every field becomes mailboxes, and what is written properly is read as it was meant."""

from contextlib import suppress
from email.headerregistry import Address as OracleAddress

from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imf.address import Group, Mailbox, mailboxes, parse_addresses
from posthouse.standards.imf.date import format_date, parse_date
from posthouse.standards.imf.messageid import parse_message_ids
from posthouse.standards.imf.subject import base_subject

SOUP = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [b"<", b">", b",", b";", b":", b"@", b".", b"(", b")", b'"', b"\\", b"[", b"]", b" ", b"a", b"\r\n "]
        ),
        max_size=60,
    ).map(b"".join),
)
LOCALS = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9]+)?", fullmatch=True)
DOMAINS = st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,2}", fullmatch=True)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(SOUP)
def test_whatever_is_written_becomes_mailboxes(octets):
    for one in parse_addresses(octets):
        assert isinstance(one, Mailbox | Group)


@given(SOUP)
def test_a_real_address_carries_nothing_that_could_break_a_line(octets):
    for one in mailboxes(octets):
        try:
            address = one.address
        except ValueError:
            continue
        assert address.domain.isascii()
        assert not set(str(address)) & {"\r", "\n", "\x00"}


@given(st.lists(st.tuples(NAMES, LOCALS, DOMAINS), min_size=1, max_size=8))
def test_the_library_writes_and_we_read(people):
    written = ", ".join(str(OracleAddress(name, local, domain)) for name, local, domain in people)
    found = mailboxes(written.encode())
    assert [(one.local.decode(), one.domain.decode()) for one in found] == [
        (local, domain) for _, local, domain in people
    ]
    assert [b"".join(one.name.split()) for one in found] == ["".join(name.split()).encode() for name, _, _ in people]


@given(st.lists(st.tuples(LOCALS, DOMAINS), max_size=5), st.integers(1, 10))
def test_never_more_than_wanted(people, most):
    written = ",".join(f"{local}@{domain}" for local, domain in people).encode()
    assert len(mailboxes(written, most)) == min(len(people), most)


@given(st.integers(0, 4_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_dates_that_we_write_we_read(seconds, offset):
    moment = parse_date(format_date(seconds, offset))
    assert (moment.seconds, moment.offset_minutes) == (seconds, offset)


@given(st.one_of(st.binary(max_size=100), st.from_regex(rb"[A-Za-z0-9,:+ -]{0,60}", fullmatch=True)))
def test_a_date_or_none(octets):
    with suppress(ValueError):
        parse_date(octets)


@given(SOUP)
def test_identifiers_have_no_blanks_and_no_brackets(octets):
    for one in parse_message_ids(octets):
        assert one
        assert not set(one) & set("<> \r\n")


@given(
    st.lists(
        st.sampled_from(["Re:", "fwd:", "[x]", "[fwd:", "]", "(fwd)", " ", "a", ":", "RE :", "["]), max_size=15
    ).map("".join)
)
def test_the_base_of_a_base_subject_is_itself(subject):
    base = base_subject(subject)
    assert base_subject(base) == base
