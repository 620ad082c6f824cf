"""Names that are meant to be taken for others, and the one line that says so to readers."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

import re

from posthouse.drill.bench import Bench
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

FIELD = re.compile(rb"(?im)^Posthouse-Sender: *(.*?)\r?$")


def _domain(name: str) -> str:
    return name.encode("idna").decode("ascii")


def _word(text: str) -> str:
    """As an encoded word, octet by octet."""
    return "=?utf-8?q?" + "".join(f"={octet:02X}" for octet in text.encode()) + "?="


GAPS = "ali" + chr(0x200B) + "ce@office" + chr(0x2060) + ".test"
FORMS = {
    "0ffice.test": "<ceo@0ffice.test>",
    "offlce.test": "Boss <ceo@offlce.test>",
    "0ff1ce.test": "<ceo@0ff1ce.test>",
    "officce.test": "<ceo@officce.test>",
    "ofifce.test": "<ceo@ofifce.test>",
    "a Cyrillic o": f"<ceo@{_domain('оffice.test')}>",
    "a Cyrillic e": f"<ceo@{_domain('officе.test')}>",
    "a Greek o": f"<ceo@{_domain('οffice.test')}>",
    "an accent": f"<ceo@{_domain('óffice.test')}>",
    "a dotless i": f"<ceo@{_domain('offıce.test')}>",
    "two alphabets": f"<ceo@{_domain('bаnk.test')}>",
    "another address in quotes": '"alice@office.test" <x@MARK.else.test>',
    "another address, bare": "alice at office <alice@office.test> <x@MARK.else.test>",
    "another address, encoded": f"{_word('alice@office.test')} <x@MARK.else.test>",
    "another address, wide": f"{_word('alice＠office.test')} <x@MARK.else.test>",
    "another address, with gaps of no width": f"{_word(GAPS)} <x@MARK.else.test>",
    "right to left": f"{_word('alice' + chr(0x202E) + 'tset.eciffo@')} <x@MARK.else.test>",
    "an isolate": f"{_word(chr(0x2066) + 'alice' + chr(0x2069))} <x@MARK.else.test>",
    "zero width": f"{_word('al' + chr(0x200B) + 'ice')} <x@MARK.else.test>",
    "soft hyphen": f"{_word('al' + chr(0xAD) + 'ice')} <x@MARK.else.test>",
    "NUL": f"{_word('alice' + chr(0) + ' x')} <x@MARK.else.test>",
    "a line end": f"{_word('alice' + chr(10) + 'From: boss@office.test')} <x@MARK.else.test>",
    "a tag": f"{_word('alice' + chr(0xE0041))} <x@MARK.else.test>",
    "an escape": f"{_word('alice' + chr(27) + '[31m')} <x@MARK.else.test>",
}
HONEST = ("Jane Roe <jane@MARK.else.test>", f"{_word('Jürgen Müller')} <jm@MARK.else.test>", "<plain@MARK.else.test>")
FORGED = b"Posthouse-Sender: verified bank.test\r\n"


async def looks(bench: Bench) -> None:
    """D10: twenty-four names made to be mistaken, and a forged warning line; each is refused, put aside or marked."""
    unmarked = []
    for name, form in FORMS.items():
        told = await _told(bench, form)
        if told is not None and b";" not in told and told != b"forged":
            unmarked.append((name, told))
    bench.expect("names that reach the Inbox and are not marked", [], unmarked)
    told = await _told(bench, "Bank <ceo@MARK.else.test>", FORGED)
    bench.expect("a forged line is believed", False, told is not None and told.startswith(b"verified bank.test"))
    marked = [form for form in HONEST if b";" in (await _told(bench, form) or b"; not there")]
    bench.twin("honest names that were marked", [], marked)


async def _told(bench: Bench, form: str, top: bytes = b"") -> bytes | None:
    """What the first line about its sender says; None when it was refused or is not in the Inbox."""
    word = bench.unique("looks")
    sender = f"x@{word}.else.test"
    _, _, rest = letter(word, sender=sender).partition(b"\r\n")
    content = top + b"From: " + form.replace("MARK", word).encode() + b"\r\n" + rest
    reply = await bench.deliver("bob", content, sender=sender.encode())
    if reply[:1] != b"2" or not await bench.arrives("bob", word, seconds=2.0):
        return None
    message = next(one for one in await bench.box("bob") if word.encode() in one)
    found = FIELD.search(message)
    await bench.empty("bob")
    return found[1] if found else b"nothing"


SCENARIOS = (Scenario("D10", looks, weakened="D10"),)
