"""Parameters are found in whatever shape they were sent."""

import pytest

from posthouse.standards.mime.parameters import decode_parameter, find_parameter, parse_parameters


def test_a_content_type():
    value, parameters = parse_parameters(b'Text/Plain; charset="utf-8" ; Format = flowed; (c) x=a\\b')
    assert value == b"text/plain"
    assert parameters == ((b"charset", b"utf-8"), (b"format", b"flowed"))[:2] + parameters[2:]
    assert find_parameter(parameters, b"format") == b"flowed"
    assert find_parameter(parameters, b"boundary") is None


def test_quoted_values_may_hold_anything():
    _, parameters = parse_parameters(b'a/b; name="x;y=\\"z\\" (no comment)"; n=1')
    assert parameters == ((b"name", b'x;y="z" (no comment)'), (b"n", b"1"))


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"x; filename=a.txt", "a.txt"),
        (b"x; filename*=utf-8''b%C3%BCro.txt", "büro.txt"),
        (b"x; filename*=iso-8859-1'de'b%FCro.txt; filename=buero.txt", "büro.txt"),
        (b'x; filename*0="long "; filename*1=name; filename*2=".txt"', "long name.txt"),
        (b"x; filename*1*=%20b; filename*0*=utf-8''a", "a b"),
        (b"x; filename*0=a; filename*2=c", "a"),
        (b'x; filename="=?utf-8?q?b=C3=BCro?="', "büro"),
        (b"x; filename*1=b", None),
        (b"x", None),
    ],
)
def test_file_names(octets, name):
    _, parameters = parse_parameters(octets)
    assert decode_parameter(parameters, "filename") == name


@pytest.mark.parametrize("bomb", [b";", b" ; ", b";a=", b';"', b";a*0=b", b"(", b";a", b'"\\'])
def test_a_bomb_is_only_text(bomb):
    _, parameters = parse_parameters(b"x/y" + bomb * 50_000)
    assert len(parameters) <= 64


def test_the_limit_counts_names():
    octets = b"x/y" + b"".join(b";f*%d=a" % n for n in range(100_000))
    _, parameters = parse_parameters(octets)
    assert len(parameters) == 64
