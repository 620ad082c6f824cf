"""A preview is the first words a reader would see."""

import pytest

from posthouse.standards.mime.preview import preview_text, strip_html
from posthouse.standards.mime.structure import parse_structure


def preview(octets):
    return preview_text(octets, parse_structure(octets))


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"Subject: x\r\n\r\nHello,\r\n\r\n  world\r\n", "Hello, world"),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nsch\xf6n", "schön"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nc2Now7Zu", "schön"),
        (b"Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=C3=B6n=\r\n!", "schön!"),
        (b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>a&nbsp;&lt;b&gt;<script>x</script>c", "a <b> c"),
        (b"Content-Type: image/png\r\n\r\nabc", ""),
        (b"\r\n\x1b[31mred\x00\xe2\x80\xae", "[31mred"),
        (b"", ""),
    ],
)
def test_previews(octets, text):
    assert preview(octets) == text


def test_plain_text_is_preferred_and_attachments_are_not_shown():
    octets = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nattached\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nplain\r\n--x--\r\n"
    )
    assert preview(octets) == "plain"


def test_it_is_short_and_whole_characters():
    assert preview(b"\r\n" + "ü".encode() * 5000) == "ü" * 256


def test_unclosed_html_is_only_text():
    strip_html("<!--" * 4000)
    strip_html("<style>" * 2000)


@pytest.mark.parametrize("shift", range(4))
def test_no_character_is_cut_in_two(shift):
    text = "x" * shift + "€" * 2000
    assert preview(b"\r\n" + text.encode()) == text[:256]


@pytest.mark.parametrize("number", ["9" * 5000, "99999999", "1114112"])
def test_a_number_that_is_no_character(number):
    assert strip_html(f"a&#{number};b&#233;") == "a\ufffdb\xe9"
