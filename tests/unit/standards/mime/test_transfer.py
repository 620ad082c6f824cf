"""Transfer encodings are undone as far as they can be."""

import pytest

from posthouse.standards.mime.transfer import decode_transfer, is_known


@pytest.mark.parametrize(
    ("encoding", "octets", "expected"),
    [
        (b"7bit", b"a=b", b"a=b"),
        (b"BASE64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"base64", b"aGVs!bG8", b"hello"),
        (b"base64", b"a", b""),
        (b"base64", b"====", b""),
        (b"quoted-printable", b"a=3Db=\r\nc  \r\n", b"a=bc\r\n"),
        (b"quoted-printable", b"a=ZZ=", b"a=ZZ"),
        (b"x-unknown", b"abc", b"abc"),
    ],
)
def test_decoding(encoding, octets, expected):
    assert decode_transfer(octets, encoding) == expected


def test_what_is_known():
    assert is_known(b"Base64")
    assert not is_known(b"x-uuencode")


@pytest.mark.parametrize("end", [b"x", b"\r\n", b""])
def test_a_long_run_of_blanks_is_looked_at_once(end):
    blanks = b" " * 1_000_000  # a quarter of an hour, if each blank were a place to begin anew
    assert decode_transfer(b"a" + blanks + end, b"quoted-printable") == b"a" + (b"" if end == b"\r\n" else blanks) + end
