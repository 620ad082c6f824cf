"""MIME, and what travels in it. The only malware here is the EICAR test file."""

import base64
import io
import zipfile

from posthouse.drill.bench import Bench
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

EICAR = bytes(octet ^ 1 for octet in base64.b64decode(
    "WTROIFEkQUBRWjVdUVtZNDUpUV8oNkJCKDZ8JURIQkBTLFJVQE9FQFNFLEBPVUhXSFNUUixVRFJVLEdITUQgJUkqSSs="
))  # fmt: skip
"""The standard antivirus test file. Kept scrambled, so that nobody's scanner takes this module for it."""


def zipped(*files: tuple[str, bytes], locked: bool = False) -> bytes:
    """An archive; ``locked`` says of every entry that it is encrypted, which is all that a server can see."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in files:
            archive.writestr(name, octets)
    made = bytearray(whole.getvalue())
    if locked:
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = made.find(mark)
            while at >= 0:
                made[at + offset] |= 1
                at = made.find(mark, at + 4)
    return bytes(made)


def with_attachment(mark: str, name: str, kind: str, octets: bytes) -> bytes:
    """A message with one attachment."""
    head = f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="{mark}"\r\n'.encode()
    body = (
        f"--{mark}\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--{mark}\r\nContent-Type: {kind}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    ).encode()
    return head + letter(
        mark, body=body + base64.encodebytes(octets).replace(b"\n", b"\r\n") + f"--{mark}--\r\n".encode()
    )


async def malware(bench: Bench) -> None:
    """M08: the EICAR test file in six forms, and programs under harmless names; none reaches an Inbox."""
    inner = with_attachment(bench.unique("inner"), "eicar.com", "application/octet-stream", EICAR)
    program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + b"\0" * 44 + b"\x40\0\0\0" + b"PE\0\0" + b"\0" * 400
    forms = {
        "plain": ("eicar.com", "application/octet-stream", EICAR),
        "zipped": ("eicar.zip", "application/zip", zipped(("eicar.com", EICAR))),
        "in a message": ("letter.eml", "message/rfc822", inner),
        "double extension": ("invoice.pdf.exe", "application/pdf", program),
        "turned around": ("invoice\u202efdp.exe", "application/pdf", program),
        "locked": ("invoice.zip", "application/zip", zipped(("invoice.exe", program), locked=True)),
        "a program called a picture": ("holiday.jpg", "image/jpeg", program),
    }
    arrived = []
    for form, (name, kind, octets) in forms.items():
        mark = bench.unique("malware")
        reply = await bench.deliver("bob", with_attachment(mark, name, kind, octets))
        itself = f'boundary="{mark}"'  # a digest of the quarantine tells its subject, too
        if reply[:1] == b"2" and await bench.arrives("bob", itself, seconds=1.0):
            arrived.append(form)
    bench.expect("forms that reached the Inbox", [], arrived)
    for name, kind, octets in (
        ("notes.txt", "text/plain", b"Minutes of the meeting.\r\n" * 30),
        ("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bench.random_octets(3000) + b"\xff\xd9"),
        ("notes.zip", "application/zip", zipped(("notes.txt", b"Minutes of the meeting."))),
    ):
        mark = bench.unique("honest")
        await bench.deliver("bob", with_attachment(mark, name, kind, octets))
        bench.twin(f"an honest {name} arrives", True, await bench.arrives("bob", mark))


KINDS = ("virus", "executable", "script", "disguise", "macro", "remote", "encrypted", "unscannable", "opaque")
BLIND = "[filter]\njunk_score = 1000.0\nrefuse_score = 10000.0\n[filter.content]\n" + "".join(
    f'{kind} = "accept"\n' for kind in KINDS
)

SCENARIOS = (Scenario("M08", malware, without=BLIND),)
