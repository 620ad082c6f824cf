"""Laws of the part tree: parts lie within their whole, in order, and the library that made a message agrees."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.ms.describe import describe, structure_of
from posthouse.standards.mime.encodedword import decode_words, encode_words
from posthouse.standards.mime.parameters import decode_parameter, parse_parameters
from posthouse.standards.mime.structure import PARTS, parse_structure
from posthouse.standards.mime.transfer import decode_transfer

LINES = st.sampled_from(
    [b"\r\n", b"\r\n", b"\n", b"--a", b"--a--", b"--b", b"Content-Type: multipart/mixed; boundary=a\r\n", b"text",
     b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n",
     b"Content-Type: text/html; charset=utf-16\r\n", b"Subject: =?utf-8?b?/w==?=\r\n", b"\xff\xfe", b"From: a@b, (\r\n"]
)  # fmt: skip
SOUP = st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=50).map(b"".join))


@given(SOUP)
def test_parts_lie_within_their_whole_and_in_order(octets):
    waiting = [parse_structure(octets)]
    seen = 0
    while waiting:
        part = waiting.pop()
        seen += 1
        assert 0 <= part.header <= part.body <= part.end <= len(octets)
        at = part.body
        for inner in part.parts:
            assert at <= inner.header <= inner.end <= part.end
            at = inner.end
        waiting += part.parts
    assert seen <= PARTS + 1


@given(SOUP)
def test_line_ends_that_were_counted_before_change_nothing(octets):
    assert parse_structure(octets, lines=octets.count(b"\n")) == parse_structure(octets)


@given(SOUP)
def test_everything_can_be_described(octets):
    facts = describe(b"Received: by x\r\n", octets)
    assert len(facts.preview) <= 256
    assert len(facts.subject) <= 200
    assert facts.envelope.startswith(b"(")
    assert structure_of(facts).end == len(octets)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"), max_size=40
)


def compose(parts):
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = "x"
    message.set_content("\n".join(parts[0]) + "\n")
    for lines in parts[1:]:
        message.add_attachment("\n".join(lines) + "\n", filename="ä b.txt")
    return message


@settings(max_examples=50)
@given(st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_library_composes_and_we_find_its_parts(parts):
    octets = compose(parts).as_bytes()
    top = parse_structure(octets)
    leaves = top.parts if top.is_multipart else [top]
    oracle = message_from_bytes(octets, policy=policy.SMTP)
    expected = list(oracle.iter_parts()) if oracle.is_multipart() else [oracle]
    assert len(leaves) == len(expected)
    for leaf, want in zip(leaves, expected, strict=True):
        payload = decode_transfer(octets[leaf.body : leaf.end], leaf.encoding)
        assert payload.rstrip(b"\r\n") == want.get_payload(decode=True).rstrip(b"\r\n")
        assert decode_parameter(leaf.disposition_parameters, "filename") == want.get_filename()


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_words_that_we_write_we_read(text):
    assert decode_words(encode_words(text)) == text


@given(st.binary(max_size=200), st.sampled_from([b"base64", b"quoted-printable", b"7bit", b"x"]))
def test_decoding_never_fails_and_never_grows(octets, encoding):
    assert len(decode_transfer(octets, encoding)) <= len(octets)


@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(st.sampled_from([b";", b"=", b'"', b"a", b"*", b"0", b"'", b"%", b" ", b"("]), max_size=40).map(
            b"".join
        ),
    )
)
def test_parameters_never_fail(octets):
    _, parameters = parse_parameters(octets)
    for name, _ in parameters:
        decode_parameter(parameters, name.partition(b"*")[0].decode("latin-1"))
