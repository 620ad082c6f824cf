"""RFC 2231: the examples of sections 3 and 4."""

import pytest

from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.parameters import decode_parameter, parse_parameters


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


@pytest.mark.rfc(2231, "5", "MUST")
def test_a_language_in_an_encoded_word():
    assert decode_words(b"=?US-ASCII*EN?Q?Keith_Moore?=") == "Keith Moore"
