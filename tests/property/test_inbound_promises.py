"""Whatever is said at a door: every answer is a reply, what was acknowledged is there, and nothing else is."""

import asyncio
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.admd.limits import Limits
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.office import RELAY, STRANGER, Office
from posthouse.testing.ports import CountedIds, ManualClock

REPLY = re.compile(r"[2-5][0-9][0-9][ -][ -~]*\Z")
CONTENT = b"From: alice@office.test\r\nSubject: x\r\n\r\nHello\r\n"
SAID = (
    b"EHLO a.example\r\n", b"LHLO a.example\r\n", b"HELO a\r\n", b"EHLO\r\n",
    b"MAIL FROM:<alice@office.test>\r\n", b"MAIL FROM:<>\r\n", b"MAIL FROM:<bob@office.test> SIZE=99999999999\r\n",
    b"MAIL FROM:<x@y.test> BODY=BINARYMIME\r\n", b"MAIL FROM:<a@b> RET=HDRS ENVID=x+41 SMTPUTF8\r\n",
    b"RCPT TO:<alice@office.test>\r\n", b"RCPT TO:<bob@office.test> NOTIFY=SUCCESS,FAILURE\r\n",
    b"RCPT TO:<victim@outside.test>\r\n", b"RCPT TO:<all@office.test> ORCPT=rfc822;a@b.test\r\n",
    b"RCPT TO:<nobody@office.test>\r\n", b"RCPT TO:<chicken@office.test>\r\n", b"RCPT TO:<postmaster>\r\n",
    b"RCPT TO:<\xc3\xbc@office.test>\r\n", b'RCPT TO:<"a b"@[198.51.100.1]>\r\n', b"RCPT TO:alice\r\n",
    b"DATA\r\n", b"DATA now\r\n", CONTENT + b".\r\n", b"bare\nfeed\r\n.\r\n", b"\r\n.\r\n", b"..\r\n.\r\n",
    b"BDAT %d LAST\r\n" % len(CONTENT) + CONTENT, b"BDAT %d\r\n" % len(CONTENT) + CONTENT, b"BDAT 0 LAST\r\n",
    b"BDAT -1\r\n", b"BDAT 99999999999999999999 LAST\r\n",
    b"RSET\r\n", b"NOOP\r\n", b"VRFY alice\r\n", b"EXPN all\r\n", b"HELP\r\n", b"QUIT\r\n", b"STARTTLS\r\n",
    b"AUTH PLAIN AGEAYg==\r\n", b"AUTH LOGIN\r\n", b"*\r\n", b"AUTH SCRAM-SHA-256 biwsbj1hLHI9Yg==\r\n", b"QUJD\r\n",
    b"\x00\xff\r\n", b"GET / HTTP/1.1\r\n", b"\r\n", b"X" * 3000 + b"\r\n",
)  # fmt: skip
MAILS = tuple(one for one in SAID if one.startswith(b"MAIL"))
RECIPIENTS = tuple(one for one in SAID if one.startswith(b"RCPT"))
ENDS = (
    (b"DATA\r\n", CONTENT + b".\r\n"),
    (b"BDAT %d LAST\r\n" % len(CONTENT) + CONTENT,),
    (b"DATA\r\n", b"bare\nfeed\r\n.\r\n"),
    (b"RSET\r\n",),
)
PHRASES = st.one_of(
    st.sampled_from(SAID).map(lambda one: (one,)),
    st.tuples(st.sampled_from(MAILS), st.lists(st.sampled_from(RECIPIENTS), max_size=4), st.sampled_from(ENDS)).map(
        lambda parts: (parts[0], *parts[1], *parts[2])
    ),
)
"""Single commands, and transactions as a client would say them."""
GREETED = b"EHLO a.example\r\n"


class House:
    """One office for all examples: opening one for each would be most of the time."""

    def __init__(self, directory: Path) -> None:
        self.runner = asyncio.Runner()
        self.office = self.runner.run(self._open(directory))

    async def _open(self, directory: Path) -> Office:
        clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
        store = await open_store(directory / "store", clock=clock, ids=ids, journal=journal)
        limits = Limits(unknown_recipients_hour=10**6, client_messages=10**6, pair_messages_hour=10**6,
                        pair_messages_minute=10**6, account_messages_day=10**6, account_recipients_burst=10**6,
                        client_auth_failures_minute=10**6, client_auth_failures_day=10**6)  # fmt: skip
        return await Office(store, limits, clock, ids, journal).furnish()

    def close(self) -> None:
        self.office.authenticator.close()
        self.runner.run(self.office.store.close())
        self.runner.close()


@pytest.fixture(scope="module")
def house():
    with tempfile.TemporaryDirectory() as directory:
        one = House(Path(directory))
        yield one
        one.close()


def door(office: Office, kind: str):
    if kind == "smtp":
        return office.smtp(STRANGER)
    if kind == "relay":
        return office.smtp(RELAY)
    if kind == "lmtp":
        return office.lmtp()
    session = office.submission(implicit_tls=True)
    return office.logged_in(session) if kind == "submission" else session


async def talk(office: Office, kind: str, said: list[bytes]) -> list[str]:
    answers: list[str] = []
    session = door(office, kind)
    async with session:
        session.server("220")
        for each in said:
            answers += await session.says(each)
            if session.core.wants_tls:
                await session.secured()
    return answers


@pytest.mark.parametrize("kind", ["smtp", "relay", "lmtp", "submission", "nobody"])
@settings(max_examples=60)
@given(phrases=st.lists(PHRASES, max_size=12), greeted=st.booleans())
def test_whatever_is_said_the_promises_hold(house, kind, phrases, greeted):
    office = house.office
    said = [one for phrase in phrases for one in phrase]

    async def run() -> None:
        known = {item.item for item in await office.queue()}
        before = sum([len(await office.stored(name)) for name in ("alice", "bob", "carol")])
        bugs = len(office.journal.bugs)
        hello = GREETED.replace(b"EHLO", b"LHLO") if kind == "lmtp" else GREETED
        answers = await talk(office, kind, [hello, *said] if greeted else said)
        assert all(REPLY.match(answer) for answer in answers), answers
        assert len(office.journal.bugs) == bugs
        after = sum([len(await office.stored(name)) for name in ("alice", "bob", "carol")])
        queued = [item for item in await office.queue() if item.item not in known]
        if not any(answer.startswith("250 2.0.0 accepted") for answer in answers):
            assert (after, queued) == (before, []), "kept what was not acknowledged"
        else:
            assert after > before or queued, "acknowledged what was not kept"
        if kind in {"smtp", "lmtp"}:
            own = {"friend@elsewhere.test"}
            outside = {str(item.recipient.address) for item in queued if not item.is_report}
            assert outside <= own, "relayed for a stranger"
        if kind == "nobody":
            assert not queued
            assert after == before

    house.runner.run(run())
