"""What is written can be read again, whatever strangers put into it, and our name is known in every spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.authres.claim import is_claimed_by
from posthouse.standards.authres.read import parse_results
from posthouse.standards.authres.results import AuthenticationResults, MethodResult, Property
from posthouse.standards.authres.write import format_results

OURS = "mx.office.test"


def value(field: bytes) -> bytes:
    name, _, rest = field.partition(b":")
    assert name == b"Authentication-Results"
    return rest


def test_a_field_as_people_see_it() -> None:
    field = format_results(
        OURS,
        [
            MethodResult("spf", "pass", properties=(Property("smtp", "mailfrom", "alice@far.test"),)),
            MethodResult(
                "dkim",
                "fail",
                reason="body hash did not verify",
                properties=(Property("header", "d", "far.test"), Property("header", "s", "s1")),
            ),
            MethodResult("dmarc", "pass", comment="p=reject", properties=(Property("header", "from", "far.test"),)),
        ],
    )
    assert field == (
        b"Authentication-Results: mx.office.test;\r\n"
        b"\tspf=pass smtp.mailfrom=alice@far.test;\r\n"
        b'\tdkim=fail reason="body hash did not verify" header.d=far.test header.s=s1;\r\n'
        b"\tdmarc=pass (p=reject) header.from=far.test\r\n"
    )


@pytest.mark.rfc(8601, "2.2", "example")
def test_nothing_looked_at_is_none() -> None:
    assert format_results(OURS, []) == b"Authentication-Results: mx.office.test;\r\n\tnone\r\n"
    assert parse_results(b" mx.office.test; none") == AuthenticationResults(OURS)


VALUES = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.test", fullmatch=True),
    st.sampled_from(['"a b"@x.test', "@x.test", "a;b", "a\r\nX: y", "(x", '"', "\\", "é@x.test", "", " "]),
)


@given(
    st.lists(
        st.builds(
            Property, st.sampled_from(["smtp", "header", "policy"]), st.sampled_from(["mailfrom", "d", "from"]), VALUES
        ),
        max_size=4,
    ),
    st.text(max_size=200),
    st.text(max_size=200),
)
def test_any_value_survives_or_is_made_harmless(properties: list[Property], reason: str, comment: str) -> None:
    result = MethodResult("spf", "fail", reason, comment, tuple(properties))
    field = format_results(OURS, [result, MethodResult("dkim", "none")])
    assert field.endswith(b"\r\n")
    lines = field.split(b"\r\n")[:-1]
    assert all(line.startswith(b"\t") and b"\n" not in line and b"\r" not in line for line in lines[1:])
    assert all(len(line) < 998 for line in lines)
    read = parse_results(value(field))
    assert [one.method for one in read.results] == ["spf", "dkim"]
    assert len(read.results[0].properties) == len(properties)
    for before, after in zip(properties, read.results[0].properties, strict=True):
        if before.value.isprintable() and before.value.isascii() and not before.value.startswith('"'):
            assert after == before


@given(
    st.lists(
        st.sampled_from(
            [
                "a.test",
                ";",
                "spf",
                "=",
                "pass",
                "(",
                ")",
                '"',
                "\\",
                " ",
                "smtp.mailfrom",
                "@",
                "/",
                "1",
                "reason",
                "none",
                "\r\n ",
            ]
        ),
        max_size=30,
    )
)
def test_whatever_stands_there_is_a_value_or_a_value_error(words: list[str]) -> None:
    try:
        found = parse_results("".join(words).encode())
    except ValueError:
        return
    assert found.authserv_id


@pytest.mark.rfc(8601, "B", "example")
@pytest.mark.parametrize(
    ("octets", "methods"),
    [
        (b"example.org 1; none", []),
        (b" example.com;\r\n spf=pass smtp.mailfrom=example.net", ["spf=pass"]),
        (
            b" example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net",
            ["auth=pass", "spf=pass"],
        ),
        (
            b" foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
            ["dkim=fail"],
        ),
        (
            b"mx.google.com;\r\n dkim=pass header.i=@far.test header.s=s1 header.b=aB/c+d==;\r\n spf=pass (google.com: domain of a@far.test designates 192.0.2.1) smtp.mailfrom=a@far.test;",
            ["dkim=pass", "spf=pass"],
        ),
        (b'x.test; dkim=fail reason="bad signature; really" header.i=@mail-router.example.net', ["dkim=fail"]),
    ],
)
def test_examples_of_the_standard_and_of_the_world(octets: bytes, methods: list[str]) -> None:
    assert [f"{one.method}={one.result}" for one in parse_results(octets).results] == methods


def test_properties_are_read_whole() -> None:
    (found,) = parse_results(
        b'x.test; dkim=pass header.b=aB/c+d== smtp . mailfrom = "a b"@c.test reason="x\\"y"'
    ).results
    assert found.property("header", "b") == "aB/c+d=="
    assert found.property("smtp", "mailfrom") == "a b@c.test"
    assert found.reason == 'x"y'


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b";",
        b"x.test",
        b"x.test;",
        b"x.test 2; none",
        b"x.test; spf",
        b"x.test; spf=",
        b"x.test; spf=pass junk",
        b"x.test; (",
        b'x.test; spf="',
        b"(((((x",
    ],
)
def test_what_is_no_field_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_results(octets)


FORGERIES = [
    "mx.office.test; dmarc=pass",
    "MX.Office.TEST; dmarc=pass",
    " mx.office.test 1; dmarc=pass",
    "mx.office.test/1; x=y",
    "\r\n\tmx.office.test;\r\n dmarc=pass",
    "(hello (nested)) mx.office.test; a=b",
    "mx.office.test(c); a=b",
    '"mx.office.test"; a=b',
    '"mx\\.office.test" ; a=b',
    "mx.office.test.; a=b",
    "mx . office . test; a=b",
    "mx.(x)office.test; a=b",
    "mx.office.test",
    "mx.office.test dmarc=pass",
    "mx.off\u00adice.test; a=b",
    "\uff4d\uff58.office.test; a=b",
    "mx\u3002office\u3002test; a=b",
    "mx.office\u200b.test; a=b",
    "\x00mx.office.test; a=b",
    "=?utf-8?q?mx.office.test?=; a=b",
    "(unclosed mx.office.test; a=b",
    "(;) mx.office.test; a=b",
    'mx."office".test; a=b',
    "<mx.office.test>; a=b",
]


@pytest.mark.rfc(8601, "5", "MUST")
@pytest.mark.parametrize("field", FORGERIES)
def test_our_name_is_known_in_every_spelling(field: str) -> None:
    assert is_claimed_by(field.encode(), OURS)


@pytest.mark.parametrize(
    "field",
    [
        "mx.far.test; dkim=pass header.d=mx.office.test",
        "mx.office.test.far.test; a=b",
        "xmx.office.test; a=b",
        "",
        ";;",
        "office.test; a=b",
        "far.test (not mx.office.tests); a=b",
    ],
)
def test_others_keep_what_they_said(field: str) -> None:
    assert not is_claimed_by(field.encode(), OURS)


@pytest.mark.parametrize(
    "field", ["büro.test; a=b", "XN--BRO-HOA.test; a=b", "BÜRO.test.; a=b", "bu\u0308ro.test; a=b"]
)
@pytest.mark.parametrize("ours", ["büro.test", "xn--bro-hoa.test"])
def test_both_forms_of_an_international_name_are_one(field: str, ours: str) -> None:
    assert is_claimed_by(field.encode(), ours)


@pytest.mark.parametrize("field", ["((()))" * 40, "xn--bcher-kva xn--80ak6aa92e " * 8, '"\\\\" ' * 40])
def test_who_makes_it_hard_to_say_whose_it_is_is_taken_to_claim_it(field: str) -> None:
    """A header full of such fields cost seconds; nobody who means well writes them."""
    assert is_claimed_by(f"{field} far.test; dkim=pass".encode(), OURS)


@pytest.mark.parametrize(
    "field", ["(one) (two) far.test (three) 1; a=b", "xn--bcher-kva.xn--80ak6aa92e.test; a=b", "a b c d e f g h; a=b"]
)
def test_a_few_oddities_claim_nothing(field: str) -> None:
    assert not is_claimed_by(field.encode(), OURS)


@given(st.sampled_from(FORGERIES), st.binary(max_size=8))
def test_a_claim_never_fails(field: str, junk: bytes) -> None:
    is_claimed_by(junk + field.encode() + junk, OURS)


def test_words_of_others_beside_properties_are_passed_over() -> None:
    """The largest sealer of all writes ``action=none`` behind its dmarc: its testimony counts none the less."""
    found = parse_results(
        b" mx.far.test 1; dmarc=pass action=none header.from=office.test;\r\n x-tls=pass bits=256; arc=none"
    )
    assert [(one.method, one.result) for one in found.results] == [
        ("dmarc", "pass"),
        ("x-tls", "pass"),
        ("arc", "none"),
    ]
    assert found.results[0].properties == (Property("header", "from", "office.test"),)
    assert found.results[1].properties == ()
