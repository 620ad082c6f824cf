"""Letters for trying scanners: a harmless one, and the two test messages that everybody has agreed on.

Both are put together here, so that a scanner that reads our own files finds nothing in them.
"""

import hashlib

from posthouse.filter.examination import examine
from posthouse.filter.letter import Letter
from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId

HEAD = (
    b"From: <postmaster@localhost>\r\nTo: <postmaster@localhost>\r\nSubject: trial\r\n"
    b"Date: Sat, 1 Jan 2000 00:00:00 +0000\r\nMessage-ID: <trial@localhost>\r\n\r\n"
)
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""eicar.org: found by every scanner for viruses."""
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-" + b"ANTI-UBE-TEST-EMAIL*C.34X"
"""The same for junk."""

TRIALS = {
    "harmless": HEAD + b"nothing to see here\r\n",
    "eicar": HEAD + EICAR + b"\r\n",
    "gtube": HEAD + GTUBE + b"\r\n",
}


def letter_of(content: bytes, trace: str) -> Letter:
    """A letter from nowhere, about nobody of ours."""
    blob = Blob(BlobId(hashlib.sha256(content).hexdigest()), len(content), content)

    async def read(start: int, length: int) -> bytes:
        return content[start : start + length]

    return Letter(
        trace=trace,
        peer="127.0.0.1",
        helo="localhost",
        mail_from="postmaster@localhost",
        recipients=(),
        accounts=(),
        submitter=None,
        examination=examine(content),
        blob=blob,
        read=read,
    )
