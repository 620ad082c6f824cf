"""The parts of a message as every reader might see them."""

from posthouse.filter.content.reading import DELIMITERS, file_names, loose_parts, read_parts
from posthouse.standards.imf.header import parse_header
from posthouse.testing.carriers import HEAD, message, mixed


def oddities(octets: bytes) -> list[str]:
    return list(read_parts(octets).oddities)


def test_an_ordinary_message_has_its_parts_and_nothing_odd() -> None:
    reading = read_parts(message(b"x", "a.pdf"))
    assert [(piece.types, piece.names, piece.is_file) for piece in reading.pieces] == [
        ((b"application/octet-stream",), ("a.pdf",), True),
        ((b"text/plain",), (), False),
    ]
    assert not reading.oddities


def test_a_part_that_only_another_boundary_shows_is_a_part_too() -> None:
    octets = mixed(
        b"Content-Type: text/plain\r\n", b"--other\r\nContent-Type: a/b; name=x.exe\r\n\r\nhidden\r\n--other--"
    )
    assert any(piece.names == ("x.exe",) and piece.is_odd for piece in read_parts(octets).pieces)


def test_a_line_of_hyphens_before_anything_else_is_no_part() -> None:
    assert not loose_parts(b"x\n--y\nhello: world\n\n-- \nContents: none\n--", set()).parts
    assert loose_parts(b"x\n--y\nContent-Type: a/b\n\nz\n--y--", set()).parts == [(6, 26)]


def test_what_is_not_looked_at_any_more_is_said() -> None:
    decoys = b"--x\r\n" * (DELIMITERS + 10)
    assert read_parts(HEAD + b"\r\n" + decoys + b"--y\r\nContent-Type: a/b; name=x.exe\r\n\r\n").is_cut
    assert not read_parts(HEAD + b"\r\n" + decoys[: 5 * DELIMITERS - 100]).is_cut


def test_every_name_of_a_part_counts() -> None:
    header = parse_header(
        b'Content-Type: a/b; name=one.txt; name=two.txt\r\nContent-Type: a/b; name="three.txt"\r\n'
        b"Content-Disposition: attachment; filename*=utf-8''%66our.txt; filename=five.txt\r\n"
        b"Content-Disposition: inline; filename*0=si; filename*1=x.txt\r\n\r\n"
    )
    expected = {"one.txt", "two.txt", "three.txt", "four.txt", "five.txt", "six.txt"}
    assert expected <= set(file_names(header))


def test_what_readers_may_differ_about_is_said() -> None:
    kind = b"Content-Type: multipart/mixed; boundary=a"
    assert oddities(HEAD + kind + b"; boundary=b\r\n\r\n") == ["more than one boundary"]
    assert oddities(HEAD + b"Content-Type: multipart/mixed\r\n\r\n") == ["a multipart without a boundary"]
    assert oddities(HEAD + kind + b"\r\nContent-Type: text/plain\r\n\r\n") == ["more than one Content-Type"]
    assert oddities(HEAD + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") == ["an encoded multipart"]
    assert oddities(HEAD + kind.replace(b"=a", b"=" + b"x" * 71) + b"\r\n\r\n") == ["a boundary that cannot be one"]


def test_only_a_line_that_says_begin_may_begin_a_uuencoded_file() -> None:
    """Random octets have a line with "b-" every sixteen MiB, and looking for files took five times as long then."""
    assert not loose_parts(b"x\nb-egin 644 a\n", set()).has_files
    assert loose_parts(b"x\nb-\nbegin 644 a\n", set()).has_files
