"""What our client stuffs, our server reads back: any text of whole lines, cut anywhere on both sides."""

from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib.linebuffer import LineBuffer
from posthouse.standards.smtp.content import ChunkReader, DotReader, Inspection
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.stuffing import Stuffing

OFFER = Offer(hostname="h.test", max_octets=100_000)
lines = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"x", b". ", b"\xff", b"x" * 70]), max_size=30)
pieces = st.integers(1, 60)


def cut(octets: bytes, piece: int) -> list[bytes]:
    return [octets[at : at + piece] for at in range(0, len(octets), piece)]


@given(lines, pieces, pieces)
def test_stuffed_and_read_back_it_is_the_same(body, outbound, inbound):
    content = b"".join(line + b"\r\n" for line in body)
    stuffing = Stuffing()
    wire = b"".join([stuffing.add(piece) for piece in cut(content, outbound)]) + stuffing.end() + b"QUIT\r\n"
    reader = DotReader(Inspection(OFFER))
    got = b""
    for piece in cut(wire, inbound):
        got = got + reader.read(piece) if reader.rest is None else got
    assert got == content
    assert reader.inspection.fault is None
    assert reader.inspection.size == len(content)


@given(st.binary(max_size=400), st.lists(st.integers(0, 50), max_size=10), pieces, st.booleans())
def test_chunks_give_what_they_hold_or_a_fault(content, sizes, piece, binary):
    reader = ChunkReader(Inspection(OFFER, binary=binary))
    got, at = b"", 0
    for size in [*sizes, None]:
        chunk = content[at:] if size is None else content[at : at + size]
        at += len(chunk)
        reader.begin(len(chunk), last=size is None)
        for octets in cut(chunk, piece) or [b""]:
            got += reader.read(octets)
    text = content.replace(b"\r\n", b"")
    stray = not binary and any(octet in text for octet in b"\r\n\0")
    assert (reader.inspection.fault is not None) is stray
    assert reader.inspection.size == len(content)
    assert stray or got == content


@given(
    st.lists(
        st.one_of(
            st.sampled_from([b"a\r\n", b"\n", b"bc", b"d\ne\nf"]), st.integers(0, 6), st.just("line"), st.just("rest")
        ),
        max_size=40,
    )
)
def test_a_line_buffer_is_a_queue_of_octets(steps):
    buffer, model = LineBuffer(), b""
    for step in steps:
        if isinstance(step, bytes):
            buffer.feed(step)
            model += step
        elif step == "line":
            end = model.find(b"\n") + 1
            assert buffer.line() == (model[:end] or None)
            model = model[end:]
        else:
            count = len(model) if step == "rest" else int(step)
            assert buffer.take(count) == model[:count]
            model = model[count:]
        assert len(buffer) == len(model)
        assert buffer.peek(1) == bytes(model[:1])
        assert buffer.peek(3) == model[:3]
