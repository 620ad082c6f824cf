import pytest

from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.content import ChunkReader, DotReader, Inspection
from posthouse.standards.smtp.offer import Offer

OFFER = Offer(hostname="h.test", max_octets=1000, line_octets=100)


def read(stream: bytes, piece: int) -> tuple[bytes, bytes | None, Inspection]:
    reader = DotReader(Inspection(OFFER))
    got = b""
    for at in range(0, len(stream), piece):
        got += reader.read(stream[at : at + piece])
        if reader.rest is not None:
            return got, reader.rest + stream[at + piece :], reader.inspection
    return got, None, reader.inspection


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 1000])
class TestDots:
    @pytest.mark.parametrize(
        ("stream", "content"),
        [
            (b".\r\n", b""),
            (b"\r\n.\r\n", b"\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"...\r\n.\r\n", b"..\r\n"),
            (b".x\r\n.\r\n", b"x\r\n"),
            (b"a\r\n..b\r\n..\r\n.\r\n", b"a\r\n.b\r\n.\r\n"),
            (b"a.\r\n.\r\n", b"a.\r\n"),
            (b"\r\n\r\n\r\n.\r\n", b"\r\n\r\n\r\n"),
        ],
    )
    def test_the_end_and_the_stuffing(self, piece, stream, content):
        assert read(stream + b"QUIT\r\n", piece)[:2] == (content, b"QUIT\r\n")

    def test_the_size_is_that_of_the_content(self, piece):
        """RFC 1870 section 5: without the dots that only the transport needs."""
        assert read(b"a\r\n..b\r\n.\r\n", piece)[2].size == 7

    @pytest.mark.parametrize(
        "stream", [b"a\nb\r\n.\r\n", b"a\rb\r\n.\r\n", b"\0\r\n.\r\n", b"\r\r\n.\r\n", b"\n\r\n.\r\n"]
    )
    def test_a_stray_octet_is_a_fault(self, piece, stream):
        _, rest, inspection = read(stream, piece)
        assert rest == b""
        assert inspection.fault == refusals.STRAY_OCTET

    def test_lines_are_measured_across_pieces(self, piece):
        assert read((b"x" * 98 + b"\r\n") * 5 + b".\r\n", piece)[2].fault is None
        assert read(b"y\r\n" + b"x" * 99 + b"\r\nz\r\n.\r\n", piece)[2].fault == refusals.LINE_TOO_LONG
        assert read(b"x" * 500 + b"\r\n.\r\n", piece)[2].fault == refusals.LINE_TOO_LONG

    def test_the_limit_is_that_of_the_content(self, piece):
        assert read(b"y" * 98 + b"\r\n" + (b"x" * 98 + b"\r\n") * 9 + b".\r\n", piece)[2].fault is None
        assert read((b"x" * 98 + b"\r\n") * 10 + b"\r\n.\r\n", piece)[2].fault == refusals.CONTENT_TOO_BIG


def test_a_framing_fault_comes_before_the_others():
    inspection = Inspection(OFFER)
    inspection.look(b"x" * 1500 + b"\n")
    assert inspection.fault == refusals.STRAY_OCTET


def test_binary_chunks_are_not_looked_into():
    reader = ChunkReader(Inspection(OFFER, binary=True))
    reader.begin(400, last=False)
    assert reader.read(b"\0\r\n\n" * 50 + b"x" * 199 + b"\r") == b"\0\r\n\n" * 50 + b"x" * 199
    reader.begin(0, last=True)
    assert reader.read(b"") == b"\r"
    assert reader.inspection.fault is None
