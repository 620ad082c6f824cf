"""RFC 2231: the examples of sections 3 and 4."""

import pytest

from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.parameters import decode_parameter, join_parameters, parse_parameters
from posthouse.standards.mime.structure import parse_structure


@pytest.mark.rfc(2231, "3", "MUST")
def test_continuations_are_joined_in_the_order_of_their_numbers():
    _, parameters = parse_parameters(
        b'message/external-body; access-type=URL; URL*1="cs.utk.edu/pub/moore/bulk-mailer/x.tar"; URL*0="ftp://"'
    )
    assert decode_parameter(parameters, "url") == "ftp://cs.utk.edu/pub/moore/bulk-mailer/x.tar"


@pytest.mark.rfc(2231, "4", "MUST")
def test_charset_and_language():
    _, parameters = parse_parameters(b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A")
    assert decode_parameter(parameters, "title") == "This is ***fun***"


@pytest.mark.rfc(2231, "4.1", "MUST")
def test_encoded_and_plain_pieces_together():
    _, parameters = parse_parameters(
        b"application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
        b' title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2="isn\'t it!"'
    )
    assert decode_parameter(parameters, "title") == "This is even more ***fun*** isn't it!"


@pytest.mark.rfc(2231, "4.1", "MUST")
@pytest.mark.parametrize(
    ("field", "joined"),
    [
        (b"x; a=1; b*0=2; b*1=3", {b"a": b"1", b"b": b"23"}),
        (b"x; b*1=3; a=1; b*0=2", {b"b": b"23", b"a": b"1"}),
        (b"x; b*0=2; b*2=4", {b"b": b"2", b"b*2": b"4"}),
        (b"x; b=1; b*1=3", {b"b": b"1", b"b*1": b"3"}),
        (b"x; b*=utf-8''%41", {b"b*": b"utf-8''%41"}),
        (b"x; b*0*=utf-8''%41; b*1=\"%b\"; b*2*=%42", {b"b*": b"utf-8''%41%25b%42"}),
        (b"x; b*0=a; b*1*=%42", {b"b*": b"''a%42"}),
        (b"x; *0=a; *=b", {b"*0": b"a", b"*": b"b"}),
    ],
)
def test_pieces_become_one_parameter(field, joined):
    assert dict(join_parameters(parse_parameters(field)[1])) == joined


@pytest.mark.rfc(2231, "3", "MUST")
def test_a_boundary_may_be_continued():
    octets = b"Content-Type: multipart/mixed; boundary*0=ab; boundary*1=cd\r\n\r\n--abcd\r\n\r\nx\r\n--abcd--\r\n"
    assert [part.type for part in parse_structure(octets).parts] == [b"text"]


@pytest.mark.rfc(2231, "5", "MUST")
def test_a_language_in_an_encoded_word():
    assert decode_words(b"=?US-ASCII*EN?Q?Keith_Moore?=") == "Keith Moore"
