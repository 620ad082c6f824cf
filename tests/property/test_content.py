"""Laws of our own look at the content: it never fails, it finds what is there, and twice as much takes twice as long."""

import random
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.filter.content.compound import judge_compound
from posthouse.filter.content.decoding import DECODINGS, decodings, encodings_of, uu_files
from posthouse.filter.content.finding import FINDINGS, Findings, Kind
from posthouse.filter.content.links import judge_html
from posthouse.filter.content.listings import Hidden, read_rar, read_tar
from posthouse.filter.content.looking import look
from posthouse.filter.content.magic import recognise, recognise_script
from posthouse.filter.content.names import judge_name, plain
from posthouse.filter.content.reading import read_parts
from posthouse.filter.content.sevenzip import parse_header, read_header
from posthouse.filter.content.tnef import read_tnef
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.content.zipdirectory import read_directory
from posthouse.testing.carriers import (
    HEAD,
    TEST_FILE,
    compound,
    containers,
    lines,
    mixed,
    quoted,
    rar5,
    seven,
    tarred,
    tnef,
    uuencoded,
    wrappers,
    zipped,
)

FILES = st.dictionaries(
    st.text("abcdefgh.-_ äß", min_size=1, max_size=20).filter(lambda name: name.strip(". ")),
    st.binary(max_size=200),
    min_size=1,
    max_size=5,
)
CARRIERS = sorted(containers().values())
ARCHIVES = [
    zipped({"a.txt": TEST_FILE, "b/c.txt": b"x" * 500}),
    tarred({"a.txt": TEST_FILE}),
    tnef({"a.txt": TEST_FILE}),
    rar5({"a.txt": TEST_FILE}),
    seven({"a.txt": TEST_FILE, "b": b"c"}),
    compound({"Workbook": bytes(5000), "\x01Ole10Native": TEST_FILE}),
]


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """One of them with some octets changed, cut, or doubled."""
    octets = bytearray(draw(st.sampled_from(whole)))
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    for _ in range(chance.randint(0, 12)):
        octets[chance.randrange(len(octets))] = chance.choice((0, 0xFF, 0x7F, chance.randrange(256)))
    if chance.random() < 0.3:
        at = chance.randrange(len(octets))
        octets[at:] = octets[at // 2 : at]
    return bytes(octets)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=400), damaged(CARRIERS)))
def test_the_look_never_fails_and_finds_only_so_much(octets: bytes) -> None:
    found = look(octets, bounds=Bounds())
    assert len(found.all) <= FINDINGS
    assert not found.needs_worker
    look(octets, bounds=None)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=400), damaged(ARCHIVES)))
def test_what_reads_archives_fails_in_one_way_only(octets: bytes) -> None:
    for read in (read_tar, read_tnef, read_rar, lambda one: parse_header(read_header(one)).names):
        try:
            assert len(list(read(octets))) <= 70_000
        except (ValueError, IndexError, Hidden):
            continue
    judge_compound(octets, Findings({}), "")


@given(st.one_of(st.binary(max_size=400), damaged(ARCHIVES[:1])))
def test_a_zip_directory_stays_within_the_archive(octets: bytes) -> None:
    try:
        directory = read_directory(octets, 50)
    except ValueError:
        return
    assert len(directory.entries) <= 50
    assert all(entry.start <= len(octets) for entry in directory.entries if entry.start >= 0 and not entry.packed)


@given(FILES, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.binary(max_size=50))
def test_a_zip_directory_has_every_file_wherever_the_archive_begins(
    files: dict[str, bytes], method: int, before: bytes
) -> None:
    if b"PK" in before:
        return
    directory = read_directory(before + zipped(files, method), 100)
    assert [entry.name for entry in directory.entries] == list(files)
    assert not directory.overlaps
    assert not directory.hidden


@given(FILES)
def test_a_winmail_dat_gives_back_its_files(files: dict[str, bytes]) -> None:
    given_files = {name.encode("ascii", "replace").decode(): octets for name, octets in files.items()}
    assert list(read_tnef(tnef(given_files))) == list(given_files.items())


@given(FILES)
def test_a_7z_gives_back_its_files(files: dict[str, bytes]) -> None:
    listing = parse_header(read_header(seven(files)))
    assert listing.names == list(files)
    assert listing.folders[0].files == [len(octets) for octets in files.values()]


@given(FILES)
def test_a_tar_gives_back_its_files(files: dict[str, bytes]) -> None:
    assert [(one.name, one.content) for one in read_tar(tarred(files))] == list(files.items())


@given(st.binary(max_size=500), st.binary(max_size=500))
def test_what_octets_are_depends_on_them_alone(octets: bytes, more: bytes) -> None:
    recognise(octets)
    recognise_script(octets)
    nature = recognise(b"\x7fELF" + octets)
    assert nature == recognise(b"\x7fELF" + more)


@given(st.binary(min_size=1, max_size=300))
def test_every_decoding_that_is_right_is_among_them(octets: bytes) -> None:
    for encoding, coded in ((b"base64", lines(octets)), (b"quoted-printable", quoted(octets))):
        assert any(octets in one for one in decodings(coded, [encoding], is_odd=False)) or encoding != b"base64"
        assert len(decodings(coded, [encoding], is_odd=True)) <= DECODINGS
    assert [content for _, content in uu_files(uuencoded(octets))] == [octets]


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_encodings_are_always_some(values: list[bytes]) -> None:
    found, is_odd = encodings_of(values)
    assert found
    assert is_odd or len(values) < 2


HTML = st.lists(
    st.sampled_from([b"<a href='", b"http://a.test/", b"'>", b"</a>", b"<A HREF=", b"www.b.test", b"<", b">", b"&#46;", b"\xff",
                     b"<script>", b"<form action=http:", b"<b>", b" ", b'"', b"xn--a@", b"javascript:", b"data:text/html"]),
    max_size=40,
).map(b"".join)  # fmt: skip


@given(HTML)
def test_html_is_read_whatever_it_is(octets: bytes) -> None:
    judge_html(octets, Findings({}))


@given(st.text(max_size=60))
def test_names_are_judged_whatever_they_are(name: str) -> None:
    found = Findings({})
    judge_name(name, found)
    assert plain(plain(name)) == plain(name) or not name.isascii()
    assert all("\n" not in one.text for one in found.all)


@given(st.sampled_from([octets for _, octets in wrappers()]))
def test_pieces_lie_within_the_message(octets: bytes) -> None:
    for piece in read_parts(octets).pieces:
        assert 0 <= piece.start <= piece.end <= len(octets)


GROWING = {
    "delimiters": lambda n: HEAD + b"\r\n" + b"--x\r\nContent-Type: a/b\r\n\r\nx\r\n" * n,
    "open anchors": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a href=http://a.test>" * n,
    "long anchors": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a" + b" href =" * n,
    "comments": lambda n: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * n,
    "names": lambda n: HEAD + b"Content-Type: a/b" + b"; name=x.exe" * n + b"\r\n\r\n",
    "uuencoded": lambda n: HEAD + b"\r\n" + b"begin 644 a\r\n" * n,
    "padding": lambda n: mixed(b"Content-Transfer-Encoding: base64\r\n", b"YQ==" * n),
    "fields": lambda n: mixed(b"Content-Transfer-Encoding: base64\r\n", lines(b"a: b\r\n" * n)),
    "begin in base64": lambda n: mixed(b"Content-Transfer-Encoding: base64\r\n", lines(b"begin 644 a\r\n" * n)),
    "relationships": lambda n: mixed(b"", b"<Relationship " * n),
    "scripts": lambda n: mixed(b"Content-Type: a/b; name=a.txt\r\n", b"<?xml" * n),
    "local headers": lambda n: mixed(b"Content-Transfer-Encoding: base64\r\n", lines(b"PK\x03\x04" * n)),
    "pdf escapes": lambda n: mixed(b"Content-Transfer-Encoding: base64\r\n", lines(b"%PDF-" + b"#41/XFA" * n)),
    "rtf templates": lambda n: mixed(
        b"Content-Transfer-Encoding: base64\r\n", lines(b"{\\rtf" + b"\\*\\template {{{" * n)
    ),
}


@pytest.mark.parametrize("kind", GROWING)
def test_nothing_is_quadratic(kind: str) -> None:
    """Counted in steps of the interpreter, not in seconds; what C does is bounded by what it is given."""
    once, twice = (_steps(GROWING[kind](n)) for n in (2000, 4000))
    assert twice <= 2.6 * once + 2000


def _steps(octets: bytes) -> int:
    count = 0

    def trace(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(trace)
    try:
        look(octets, bounds=Bounds())
    finally:
        sys.setprofile(None)
    return count


def test_the_test_string_in_a_deep_place_is_found_or_the_place_is_unscannable() -> None:
    octets = TEST_FILE
    for depth in range(6):
        octets = zipped({"inner.zip" if depth else "a.txt": octets})
        found = look(mixed(b"Content-Transfer-Encoding: base64\r\n", lines(octets)), bounds=Bounds())
        assert found.has(Kind.TEST_VIRUS) or found.has(Kind.UNSCANNABLE)
