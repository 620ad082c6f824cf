"""The field as a value: what is refused, and which octets the signature itself covers."""

import pytest

from posthouse.standards.dkim.signature import NEVER, parse_signature, without_b

START = b"DKIM-Signature: v=1; a=rsa-sha256; d=office.test; s=r1; h=from:to; bh=AAAA; b=BBBB"


@pytest.mark.parametrize(
    ("field", "emptied"),
    [
        (START + b"\r\n", START[:-4] + b"\r\n"),
        (b"DKIM-Signature: b=AA\r\n BB ; v=1\r\n", b"DKIM-Signature: b=; v=1\r\n"),
        (
            b"DKIM-Signature: v=1; z=Subject:b=20x|To:b=3Dy;\r\n\tb = AA==;",
            b"DKIM-Signature: v=1; z=Subject:b=20x|To:b=3Dy;\r\n\tb =;",
        ),
        (b"DKIM-Signature: bh=AA; b=BB; a=x\r\n", b"DKIM-Signature: bh=AA; b=; a=x\r\n"),
    ],
)
@pytest.mark.rfc(6376, "3.5", "MUST")
def test_only_the_value_of_b_is_left_out(field: bytes, emptied: bytes) -> None:
    assert without_b(field) == emptied


@pytest.mark.rfc(8616, "4", "MUST")
def test_u_labels_are_asked_for_as_a_labels() -> None:
    field = START.replace(b"office.test", "büro.test".encode()).replace(b"s=r1", "s=schlüssel".encode())
    found = parse_signature(field + b"; i=@" + "post.büro.test".encode())
    assert (found.domain, found.selector) == ("xn--bro-hoa.test", "xn--schlssel-95a")
    assert found.identity == "post.xn--bro-hoa.test"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"h=from:to", b"h=from:"), "bad field name"),
        ((b"h=from:to", b"h=to"), "From is not signed"),
        ((b"h=from:to", b"h=from:a b"), "bad field name"),
        ((b"d=office.test", b"d=" + b"a" * 64 + b".test"), "bad domain"),
        ((b"d=office.test", b"d=" + b"aa." * 90 + b"test"), "too long"),
        ((b"d=office.test", b"d=test"), "bad domain"),
        ((b"d=office.test", b"d=office.test; i=@xoffice.test"), "not within"),
        ((b"s=r1", b"s=r1; t=20; x=20"), "expires before"),
        ((b"s=r1", b"s=r1; q=web"), "query method"),
        ((b"s=r1", b"s=r1; t=-1"), "bad time"),
        ((b"bh=AAAA", b"bh=A"), "base64"),
        ((b"v=1; ", b""), "v is missing"),
        ((b"s=r1", b"s=r1; s=r2"), "twice"),
        ((b"s=r1", b"s=r1;; t=20"), "not a tag"),
        ((b"v=1; ", b"; v=1; "), "not a tag"),
        ((b"s=r1", b"s=r1; i=alice=40office.test.example"), "not within"),
    ],
)
def test_bad_fields_say_why(change: tuple[bytes, bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_signature(START.replace(*change))


@pytest.mark.parametrize(
    "identity",
    [
        b"alice@post.office.test",
        b"alice=40post.office.test",
        b"a=3Bb@post.office=2Etest",
        b"alice\r\n\t@post.\r\n office.test",
    ],
)
@pytest.mark.rfc(6376, "2.11", "MUST")
def test_an_identity_may_be_quoted_and_folded(identity: bytes) -> None:
    assert parse_signature(START + b"; i=" + identity + b"\r\n").identity == "post.office.test"


@pytest.mark.rfc(6376, "3.5", "MAY")
def test_a_time_that_nobody_will_see_is_never() -> None:
    found = parse_signature(START + b"; t=999999999999; x=" + b"9" * 30)
    assert (found.made_at, found.expires_at) == (999_999_999_999, NEVER)


@pytest.mark.rfc(6376, "3.2", "MUST")
@pytest.mark.parametrize("end", [b"", b";", b" ; \r\n"])
def test_a_list_may_end_in_one_semicolon(end: bytes) -> None:
    assert parse_signature(START + end).domain == "office.test"


def test_a_long_field_takes_linear_time() -> None:
    parse_signature(START + b";" + b"\t" * 1_000_000)
    assert without_b(b"DKIM-Signature: " + b";b " * 300_000).endswith(b";b ")
