"""The test messages are what everybody has agreed on."""

import hashlib

from posthouse.filter.scanners.trial import EICAR, GTUBE, TRIALS, letter_of


def test_eicar_is_the_file_of_eicar_org() -> None:
    assert hashlib.md5(EICAR, usedforsecurity=False).hexdigest() == "44d88612fea8a8f36de82e1278abb02f"
    assert len(GTUBE) == 68


async def test_a_letter_reads_as_it_is() -> None:
    letter = letter_of(TRIALS["eicar"], "t1")
    assert await letter.read(0, 10**6) == TRIALS["eicar"]
    assert letter.blob.size == len(TRIALS["eicar"])
