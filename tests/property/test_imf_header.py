"""Laws of the header section: nothing is lost, nothing is invented, whatever the octets are."""

from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imf.header import find_seam, parse_header, unfold

LINES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"A: b",
        b"From",
        b":",
        b" folded",
        b"\tfolded",
        b"To : c@d",
        b"x" * 100,
        b"\x00",
        b"\xff: y",
        b"--",
    ]
)
SOUP = st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=30).map(b"".join))
NAMES = st.from_regex(rb"[!-9;-~]{1,20}", fullmatch=True)
VALUES = st.from_regex(rb"[ -~]{0,30}", fullmatch=True)


@given(SOUP)
def test_fields_seam_and_body_are_the_whole(octets):
    header = parse_header(octets)
    assert header.start <= header.end <= header.body_start <= len(octets)
    assert octets[header.end : header.body_start] in {b"", b"\r\n", b"\n"}
    assert b"".join(octets[one.start : one.end] for one in header.fields) == header.octets


@given(SOUP)
def test_there_is_no_empty_line_in_a_header(octets):
    header = parse_header(octets)
    lines = header.octets.replace(b"\r\n", b"\n").split(b"\n")
    assert b"" not in lines[:-1]


@given(SOUP)
def test_lookups_agree_with_the_fields(octets):
    header = parse_header(octets)
    named = [one for one in header.fields if one.name]
    assert header.garbage == len(header.fields) - len(named)
    for name in {one.name for one in named}:
        assert header.all(name) == [unfold(one.value) for one in named if one.name == name]
        assert header.first(name) == header.all(name)[0]
        assert header.count(name) == len(header.all(name))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=20), st.binary(max_size=50))
def test_what_was_written_is_read(fields, body):
    octets = b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n" + body
    header = parse_header(octets)
    assert [one.name.encode() for one in header.fields] == [name.lower() for name, _ in fields]
    assert [unfold(one.value) for one in header.fields] == [value.strip() for _, value in fields]
    assert octets[header.body_start :] == body


@given(st.binary(max_size=40), SOUP, st.binary(max_size=40))
def test_a_header_inside_is_read_like_one_alone(before, octets, after):
    inside = parse_header(before + octets + after, len(before), len(before) + len(octets))
    alone = parse_header(octets)
    assert inside.octets == alone.octets
    assert inside.body_start - len(before) == alone.body_start
    assert find_seam(before + octets + after, len(before), len(before) + len(octets))[1] == inside.body_start
