"""Relaying, forging and guessing: nobody sends through us but our own people, and they in their own names only."""

import base64
import json
import re

import pytest
from attacker import (
    HOST,
    MIB,
    Caller,
    Imap,
    bounded,
    deliver,
    empty,
    messages,
    plain,
    send,
    smtp,
    stranger,
    submitter,
    unknown_sender,
    wait_for,
)

FAR = b"victim@far.example"
LETTER = b"From: alice@office.test\r\nTo: victim@far.example\r\nSubject: x\r\n\r\nhello\r\n"


def outside(server) -> list[dict]:
    """What has left the house, as envelopes."""
    return [json.loads(path.read_text()) for path in sorted((server.directory / "data" / "outside").glob("*.json"))]


def victim() -> bytes:
    """An address of somebody far whom no other test has aimed at: what reaches one address is counted (B01)."""
    return unknown_sender().replace(b"a@", b"victim@")


def reached(server, address: bytes) -> int:
    """How many messages have left for ``address``."""
    return sum(address.decode() in one["to"] for one in outside(server))


def let_all_leave(server) -> None:
    """Wait until a letter has left that was sent after all that may come."""
    last = victim()
    with submitter(server) as caller:
        assert send(caller, b"alice@office.test", [last], LETTER)[:3] == b"250"
    wait_for(lambda: reached(server, last), "the letter sent last to leave")


# -- A01

RELAY_FORMS = (
    b"victim@far.example", b"victim%far.example@office.test", b"far.example!victim@office.test", b"victim@far.example@office.test",
    b'"victim@far.example"@office.test', b"@office.test:victim@far.example", b"@office.test,@mx.office.test:victim@far.example",
    b"@far.example:victim@office.test", b'"victim%far.example"@office.test', b'"far.example!victim"@office.test',
    b"victim%far.example@[127.0.0.1]", b"victim%far.example", b"far.example!victim", b"victim@far.example.", b"victim@[192.0.2.1]",
    b"victim@[IPv6:2001:db8::1]", b"victim@[127.0.0.1]", b"victim@localhost", b"victim@office.test.far.example",
    b"victim@far.example%office.test", b"victim%far.example%office.test@office.test", b"office.test!victim@far.example",
    b"victim@FAR.EXAMPLE", b"victim@xn--nxasmq6b.example", b"victim@f\xc3\xa4r.example", b"victim@far\xe3\x80\x82example",
    b'"victim"@far.example', b"victim+office.test@far.example", b"postmaster@far.example", b"victim@mx.office.test",
    b'""@far.example', b"victim@sub.office.test", b"victim@office.test%00far.example", b"victim@far.example\t@office.test",
    b"victim(office.test)@far.example", b"victim@office.tes", b"victim@xoffice.test", b"alice@office.test@far.example",
    b"victim@#2130706433", b"victim@[::ffff:127.0.0.1]", b"victim@office.test>,<victim@far.example", b"%00@far.example",
    b"victim@far.example> <alice@office.test", b"alice%office.test@far.example", b'"alice@office.test"@far.example',
)  # fmt: skip
SENDERS = (b"spammer@else.test", b"alice@office.test", b"", b"postmaster@office.test")


@pytest.mark.parametrize("form", RELAY_FORMS, ids=repr)
def test_no_form_of_a_recipient_makes_us_an_open_relay(server, form):
    """A01: forty-odd ways to write somebody else's address, four senders, four kinds of stranger: nothing leaves."""
    before = len(outside(server))
    with bounded(server):
        for sender in SENDERS:
            for parameters in (b"", b" SMTPUTF8"):
                with smtp(server) as caller:
                    caller.ask(b"MAIL FROM:<" + sender + b">" + parameters + b"\r\n")
                    reply = caller.ask(b"RCPT TO:<" + form + b">\r\n")
                    assert reply[:1] == b"5", (form, reply)
                    assert caller.ask(b"DATA\r\n")[:1] == b"5"
        with smtp(server, hello=b"HELO localhost\r\n") as caller:  # with the name of a friend, after TLS
            assert caller.ask(b"STARTTLS\r\n")[:3] == b"220"
            caller.shake_hands()
            caller.ask(b"EHLO office.test\r\n")
            caller.ask(b"MAIL FROM:<alice@office.test>\r\n")
            assert caller.ask(b"RCPT TO:<" + form + b">\r\n")[:1] == b"5"
        with smtp(server, "lmtp", HOST) as caller:
            caller.ask(b"MAIL FROM:<alice@office.test>\r\n")
            assert caller.ask(b"RCPT TO:<" + form + b">\r\n")[:1] == b"5"
        with smtp(server, "submissions") as caller:
            caller.ask(b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n")
            assert caller.ask(b"MAIL FROM:<alice@office.test>\r\n")[:3] == b"530"
            assert caller.ask(b"RCPT TO:<" + form + b">\r\n")[:2] == b"50"
    assert len(outside(server)) == before


def test_the_plain_form_is_refused_with_the_words_of_the_catalogue(server):
    """A01: 550 5.7.1, the exempt address included: no rate is a relay decision."""
    for source in (HOST, stranger()):
        with smtp(server, source=source) as caller:
            caller.ask(b"MAIL FROM:<a@else.test>\r\n")
            assert caller.ask(b"RCPT TO:<" + FAR + b">\r\n")[:9] == b"550 5.7.1"


def test_our_own_people_may_send_out(server):
    """The benign twin: a login is a reason."""
    before = len(outside(server))
    with bounded(server), submitter(server) as caller:
        assert send(caller, b"alice@office.test", [FAR], LETTER)[:3] == b"250"
    wait_for(lambda: len(outside(server)) == before + 1, "the letter to leave")
    assert outside(server)[-1]["to"] == [FAR.decode()]


def test_a_login_does_not_outlive_its_connection_or_its_tls(server):
    """A01: EHLO again keeps the login; a new connection from the same address has none."""
    with submitter(server) as caller:
        caller.ask(b"EHLO again.test\r\n")
        assert caller.ask(b"MAIL FROM:<alice@office.test>\r\n")[:3] == b"250"
    with smtp(server, "submissions", HOST) as caller:
        assert caller.ask(b"MAIL FROM:<alice@office.test>\r\n")[:3] == b"530"
    with smtp(server, source=HOST) as caller:
        assert caller.ask(b"AUTH PLAIN AGEAYg==\r\n")[:3] == b"503"


# -- A08

FORGED_FROM = {
    "somebody else of ours": b"From: bob@office.test",
    "somebody far": b"From: ceo@far.example",
    "no From": b"Subject: none",
    "an empty From": b"From: ",
    "two From": b"From: alice@office.test\r\nFrom: bob@office.test",
    "two From, the forged first": b"From: bob@office.test\r\nFrom: alice@office.test",
    "two From in other cases": b"From: alice@office.test\r\nFROM: bob@office.test",
    "a From with a space before the colon": b"From: alice@office.test\r\nFrom : bob@office.test",
    "a From with a tab before the colon": b"From\t: bob@office.test\r\nFrom: alice@office.test",
    "two addresses": b"From: alice@office.test, bob@office.test",
    "two addresses with our Sender": b"From: alice@office.test, bob@office.test\r\nSender: alice@office.test",
    "a group": b"From: team: alice@office.test;",
    "an empty group": b"From: undisclosed-recipients:;",
    "a group before": b"From: x: bob@office.test;, alice@office.test",
    "two angles": b"From: <alice@office.test> <bob@office.test>",
    "an angle in an angle": b"From: <bob@office.test<alice@office.test>>",
    "a route": b"From: <@office.test:bob@office.test>",
    "our address as a comment": b"From: bob@office.test (alice@office.test)",
    "our address as a name": b'From: "alice@office.test" <bob@office.test>',
    "our address as a name without quotes": b"From: alice@office.test <bob@office.test>",
    "a comment within": b"From: bob(alice@office.test)@office.test",
    "quoted": b'From: "bob"@office.test',
    "another case": b"From: BOB@OFFICE.TEST",
    "folded": b"From:\r\n bob@office.test",
    "folded within": b"From: bob\r\n @office.test",
    "encoded": b"From: =?utf-8?q?bob=40office=2Etest?=",
    "encoded with our address behind": b"From: =?utf-8?b?Ym9iQG9mZmljZS50ZXN0?= <bob@office.test>",
    "a subaddress of somebody": b"From: bob+alice@office.test",
    "our name elsewhere": b"From: alice@else.test",
    "a subdomain": b"From: alice@sub.office.test",
    "a literal": b"From: alice@[127.0.0.1]",
    "a homograph": b"From: \xd0\xb0lice@office.test",
    "broken UTF-8": b"From: \xff\xfe@office.test",
    "only a name": b"From: Alice",
    "a percent": b"From: alice%far.example@office.test",
    "a list in disguise": b"From: alice@office.test; bob@office.test",
    "a foreign Sender": b"From: alice@office.test\r\nSender: bob@office.test",
    "two Senders": b"From: alice@office.test\r\nSender: alice@office.test\r\nSender: bob@office.test",
    "a foreign Resent-From": b"From: alice@office.test\r\nResent-From: bob@office.test",
    "a foreign Resent-Sender": b"From: alice@office.test\r\nResent-From: alice@office.test\r\nResent-Sender: bob@office.test",
    "behind a line that is no field": b"garbage\r\nFrom: bob@office.test",
    "ours before garbage, theirs behind": b"From: alice@office.test\r\ngarbage line\r\nFrom: bob@office.test",
    "behind a continuation at the top": b" From: alice@office.test\r\nFrom: bob@office.test",
    "behind an empty field name": b": x\r\nFrom: bob@office.test",
    "folded from the field before": b"X: y\r\n From: alice@office.test\r\nFrom: bob@office.test",
    "with blanks on an almost empty line": b"Subject: x\r\n \r\nFrom: bob@office.test",
    "only within the body": b"Subject: x\r\n\r\nFrom: alice@office.test",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_FROM)
def test_our_people_write_in_their_own_names_only(server, name):
    """A08: whatever readers may take for the author must be the one who logged in."""
    before = len(outside(server))
    with bounded(server), submitter(server) as caller:
        message = FORGED_FROM[name] + b"\r\nTo: x@far.example\r\nSubject: forged\r\n\r\nhello\r\n"
        reply = send(caller, b"alice@office.test", [FAR], message)
        assert reply[:1] == b"5", (name, reply)
        reply = send(caller, b"alice@office.test", [b"carol@office.test"], message)
        assert reply[:1] == b"5", (name, reply)
    assert len(outside(server)) == before
    assert not any(b"\r\nSubject: forged" in one and b"x@far.example" in one for one in messages(server, "carol"))


@pytest.mark.parametrize(
    "header",
    [b"From: alice@office.test", b"From: Alice <alice@office.test>", b'From: "A. Lice" <ALICE@Office.Test>',
     b"From: alice+lists@office.test", b"From: Alice (of the office) <alice@office.test>", b"From:\r\n alice@office.test",
     b"From: =?utf-8?q?Al=C3=AFce?= <alice@office.test>", b"From: alice@office.test\r\nSender: alice@office.test",
     b"From: alice@office.test\r\nReply-To: anybody@far.example"],
    ids=repr,
)  # fmt: skip
def test_our_people_may_write_their_names_as_they_like(server, header):
    """The benign twin of all forging forms."""
    with bounded(server), submitter(server) as caller:
        assert send(caller, b"alice@office.test", [b"carol@office.test"], header + b"\r\n\r\nhi\r\n")[:3] == b"250"


@pytest.mark.parametrize(
    "sender",
    [b"bob@office.test", b"ceo@far.example", b"alice@else.test", b"bob+alice@office.test", b'"bob"@office.test',
     b"postmaster@office.test", b"admin@office.test", b"alice%x@office.test", b'"alice@office.test"@office.test',
     b"@office.test:bob@office.test", b"BOB@office.test"],
    ids=repr,
)  # fmt: skip
def test_our_people_send_from_their_own_addresses_only(server, sender):
    """A08: MAIL FROM must be theirs."""
    with bounded(server), submitter(server) as caller:
        assert caller.ask(b"MAIL FROM:<" + sender + b">\r\n")[:3] == b"553"
        assert caller.ask(b"MAIL FROM:<alice@office.test>\r\n")[:3] == b"250"


def test_hidden_recipients_stay_hidden(server):
    """Bcc is taken out, however it is written (RFC 6409)."""
    empty(server, "carol")
    forms = (
        b"Bcc: bob@office.test",
        b"BCC : bob@office.test",
        b"bcc:\r\n bob@office.test,\r\n\tbob@office.test",
        b"Resent-Bcc: bob@office.test",
    )
    with bounded(server), submitter(server) as caller:
        for form in forms:
            message = b"From: alice@office.test\r\n" + form + b"\r\nSubject: x\r\n\r\nhello\r\n"
            assert send(caller, b"alice@office.test", [b"carol@office.test"], message)[:3] == b"250"
    received = messages(server, "carol")
    assert len(received) == len(forms)
    assert not any(b"bob@" in one for one in received)


# -- A04, A07, A10 at submission


def test_no_login_without_tls(server):
    """A10: not offered in the clear, refused with 538, on port 25 not at all."""
    with bounded(server):
        with Caller(server, "submission") as caller:
            caller.reply()
            assert b"AUTH" not in caller.ask(b"EHLO x.test\r\n")
            assert (
                caller.ask(b"AUTH PLAIN " + plain("alice@office.test", server.password("alice")) + b"\r\n")[:3]
                == b"538"
            )
            assert caller.ask(b"AUTH LOGIN\r\n")[:3] == b"538"
            assert caller.ask(b"MAIL FROM:<alice@office.test>\r\n")[:3] == b"530"
        with smtp(server) as caller:
            assert caller.ask(b"STARTTLS\r\n")[:3] == b"220"
            caller.shake_hands()
            assert b"AUTH" not in caller.ask(b"EHLO x.test\r\n")
            assert caller.ask(b"AUTH PLAIN AGEAYg==\r\n")[:3] == b"503"


def test_who_exists_is_not_told_by_a_failed_login(server):
    """A04: the same reply for known, unknown and impossible names (but for its id)."""
    answers = set()
    with bounded(server):
        for user in ("alice@office.test", "nobody@office.test", "alice@else.test", "alice", "x" * 200, "'; --", "ä"):
            with smtp(server, "submissions") as caller:
                reply = caller.ask(b"AUTH PLAIN ", plain(user, "wrong"), b"\r\n")
                answers.add(re.sub(rb"\(id \w+\)", b"", reply))
    assert len(answers) == 1, answers


@pytest.mark.parametrize(
    "line",
    [b"AUTH", b"AUTH ", b"AUTH PLAIN =", b"AUTH PLAIN !!!", b"AUTH PLAIN AA", b"AUTH PLAIN AAA=", b"AUTH PLAIN A===", b"AUTH XYZZY",
     b"AUTH PLAIN " + b"A" * 12000, b"AUTH PLAIN " + b"A" * 20000, b"AUTH LOGIN QQ==", b"AUTH SCRAM-SHA-256 bixhPWEsbj1hLHI9Yg==",
     b"AUTH SCRAM-SHA-256-PLUS cD10bHMtdW5pcXVlLCw=", b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=a,r=" + b"x" * 8000),
     b"AUTH PLAIN " + base64.b64encode(b"\0" * 8000), b"AUTH PLAIN " + base64.b64encode(b"bob@office.test\0alice@office.test\0x"),
     b"AUTH PLAIN \xff", b"AUTH PLAIN AGEAYg== AGEAYg==", b"AUTH CRAM-MD5", b"AUTH EXTERNAL =", b"AUTH ANONYMOUS YQ=="],
    ids=lambda one: repr(one[:40]),
)  # fmt: skip
def test_a_login_that_is_garbage_is_only_refused(server, line):
    """A07: every broken exchange ends with a refusal, and the honest login that follows is heard."""
    with bounded(server, octets=48 * MIB), smtp(server, "submissions", HOST) as caller:  # two hashes of 19 MiB
        reply = caller.ask(line + b"\r\n")
        for _ in range(12):
            if reply[:3] != b"334":
                break
            reply = caller.ask(b"AAAA\r\n")
        assert reply[:1] in b"45", reply
        login = plain("alice@office.test", server.password("alice"))
        assert caller.ask(b"AUTH PLAIN ", login, b"\r\n")[:3] == b"235"


@pytest.mark.slow
def test_logins_cancelled_without_end(server):
    """A07: AUTH and * again and again is misconduct: 421, within bounded memory."""
    with bounded(server, octets=4 * MIB):
        for _ in range(20):
            with smtp(server, "submissions", HOST) as caller:
                caller.socket.settimeout(30)
                replies = []
                while len(replies) < 8 and caller.say(b"AUTH LOGIN\r\n"):
                    first = caller.reply()
                    if first[:3] != b"334":
                        break
                    replies.append(caller.ask(b"*\r\n")[:3])
                assert set(replies) <= {b"501", b"421"}


@pytest.mark.slow
def test_an_endless_line_in_a_login(server):
    """L2: 12,288 octets of a response, then 64 KiB of patience."""
    with bounded(server, octets=8 * MIB), smtp(server, "submissions", HOST) as caller:
        assert caller.ask(b"AUTH PLAIN\r\n")[:3] == b"334"
        assert caller.pour(b"A" * 65536, 64 * MIB) < 16 * MIB


def test_three_wrong_passwords_end_the_connection_and_ten_the_address(strict):
    """L21: three failures a connection; beyond the minute's allowance the right password is not looked at."""
    server = strict("client_auth_failures_minute = 5")
    source = stranger()
    right = plain("alice@office.test", server.password("alice"))
    with bounded(server):
        for again in range(2):
            with smtp(server, "submissions", source) as caller:
                wrong = [plain("carol@office.test", f"wrong{again}{n}") for n in range(3)]
                codes = [caller.ask(b"AUTH PLAIN ", one, b"\r\n")[:3] for one in wrong]
                assert codes[-1] == b"421"
                assert caller.rest() == b""
        with smtp(server, "submissions", source) as caller:
            assert caller.ask(b"AUTH PLAIN ", right, b"\r\n")[:1] in b"45"
        with smtp(server, "submissions") as caller:
            assert caller.ask(b"AUTH PLAIN ", right, b"\r\n")[:3] == b"235"


@pytest.mark.slow
def test_guessing_does_not_keep_others_from_logging_in(server):
    """A02: guesses on thirty connections at once; somebody else logs in meanwhile (bounded pool)."""
    with bounded(server, octets=80 * MIB, alarms=frozenset({"auth.attacked"})):
        guessers = [smtp(server, "submissions", stranger()) for _ in range(30)]
        for n, caller in enumerate(guessers):
            caller.say(b"AUTH PLAIN ", plain("bob@office.test", f"guess{n}"), b"\r\n")
        submitter(server, "alice").close()
        for caller in guessers:
            caller.reply()  # the pool is at rest again for the next test
            caller.close()


# -- L12, L13, L27 at submission


def test_five_hundred_recipients_and_no_more(server):
    """L12: 500 for our own people, then 452 for each; the session goes on."""
    with bounded(server, octets=8 * MIB), submitter(server) as caller:
        caller.ask(b"MAIL FROM:<alice@office.test>\r\n")
        caller.say(b"".join(b"RCPT TO:<carol+%d@office.test>\r\n" % n for n in range(520)))
        codes = [caller.reply()[:3] for _ in range(520)]
        assert codes == [b"250"] * 500 + [b"452"] * 20
        assert caller.ask(b"RSET\r\n")[:3] == b"250"


def test_so_many_outside_in_ten_minutes(strict):
    """L27: the burst of recipients outside is bounded for an account, wherever it comes from; those inside are not."""
    server = strict("account_recipients_burst = 3")
    with bounded(server):
        for source in (stranger(), stranger()):
            with submitter(server, source=source) as caller:
                caller.ask(b"MAIL FROM:<alice@office.test>\r\n")
                codes = [caller.ask(b"RCPT TO:<v%d@far.example>\r\n" % n)[:3] for n in range(4)]
                assert codes[-1] == b"451"
                assert caller.ask(b"RCPT TO:<bob@office.test>\r\n")[:3] == b"250"


# -- B01, B05: reports


def test_nobody_hears_of_what_he_did_not_send(server):
    """B01, B05: refused in the session means no report; a null sender never gets one."""
    aim = victim()
    with bounded(server):
        with smtp(server) as caller:
            caller.ask(b"MAIL FROM:<" + aim + b">\r\n")
            assert caller.ask(b"RCPT TO:<nobody@office.test>\r\n")[:3] == b"550"
        with smtp(server) as caller:
            caller.ask(b"MAIL FROM:<>\r\n")
            assert caller.ask(b"RCPT TO:<bob@office.test> NOTIFY=SUCCESS,FAILURE,DELAY\r\n")[:3] in {b"250", b"501"}
            caller.ask(b"DATA\r\n")
            caller.ask(b"Subject: x\r\n\r\nx\r\n.\r\n")
        with smtp(server) as caller:  # 100 hops: refused, not bounced
            reply = send(caller, aim, [b"bob@office.test"], b"Received: x\r\n" * 101 + b"\r\nx\r\n")
            assert reply[:9] == b"554 5.4.6"
        with submitter(server) as caller:
            assert send(caller, b"", [aim], LETTER)[:1] == b"5"
        let_all_leave(server)
        assert reached(server, aim) == 0


def test_confirmations_asked_for_in_a_forged_name_come_to_an_end(server):
    """B01: NOTIFY=SUCCESS with a forged sender aims our reports at him: ten an hour reach him, not one a message."""
    aim = victim()
    with bounded(server):
        for _ in range(15):
            with smtp(server) as caller:
                caller.ask(b"MAIL FROM:<" + aim + b">\r\n")
                assert caller.ask(b"RCPT TO:<bob@office.test> NOTIFY=SUCCESS\r\n")[:3] == b"250"
                caller.ask(b"DATA\r\n")
                assert caller.ask(b"Subject: x\r\n\r\nx\r\n.\r\n")[:3] == b"250"
        wait_for(lambda: reached(server, aim) >= 10, "the first reports")
        let_all_leave(server)
    assert reached(server, aim) == 10


@pytest.mark.slow
def test_a_full_mailbox_aims_no_reports_at_a_forged_sender(server):
    """B01: what can be known at RCPT is said there, so that nobody hears of mail he did not send."""
    large = b"Subject: fill\r\n\r\n" + (b"y" * 998 + b"\r\n") * 48000
    aim = victim()
    with Imap(server, "carol") as imap:
        imap.socket.settimeout(60)
        imap.do("CREATE full")
        imap.append("full", large)
        imap.do("SELECT full")
        while b" OK " in imap.do("COPY 1 full"):
            pass
        with smtp(server, source=HOST) as caller:
            caller.socket.settimeout(60)
            caller.ask(b"MAIL FROM:<" + aim + b">\r\n")
            caller.ask(b"RCPT TO:<carol@office.test>\r\n")
            caller.ask(b"RCPT TO:<bob@office.test>\r\n")
            caller.ask(b"DATA\r\n")
            caller.ask(large + b".\r\n")
        imap.do("UNSELECT")
        imap.do("DELETE full")
    let_all_leave(server)
    assert reached(server, aim) == 0


# -- the journal, and the door for operators


def test_a_stranger_cannot_write_entries_into_the_journal(server):
    """S06: line ends and escapes in names, addresses and headers stay values of one entry."""
    evil = b'x\x1b[31m" level=alarm event=server.ready {"event":"forged"}'
    with bounded(server) as house:
        with Caller(server, "smtp") as caller:
            caller.reply()
            caller.ask(b"EHLO " + evil + b"\r\n")
            caller.ask(b"EHLO x.test\r\n")
            caller.ask(b'MAIL FROM:<"a\\\r\n b"@else.test>\r\n')
            caller.ask(b'MAIL FROM:<"a {\\"event\\":\\"forged\\"}"@else.test>\r\n')
            caller.ask(b"RCPT TO:<nobody\xe2\x80\xa8event=forged@office.test>\r\n")
            caller.ask(b'RCPT TO:<"x\\"} event=forged"@office.test>\r\n')
        with smtp(server, "submissions") as caller:
            caller.ask(b"AUTH PLAIN ", plain("a\r\nb event=forged", "x"), b"\r\n")
        wait_for(lambda: house.noted("auth.failed"), "the last of it to be noted")
        lines = [line for line in (server.directory / "log").read_bytes().splitlines() if b"forged" in line]
        assert all(json.loads(line)["event"] != "forged" for line in lines)
        assert not any(b"\x1b" in line or "\u2028".encode() in line for line in lines)
        assert house.journal


def test_mail_itself_never_stands_in_the_log(server):
    """What people write is theirs: neither subjects nor bodies are noted."""
    with bounded(server) as house:
        assert deliver(server, "bob", b"Subject: Dear-secret-subject\r\n\r\nDear-secret-body\r\n")[:3] == b"250"
        wait_for(lambda: house.noted("mail.accepted"), "the message to be noted")
        assert "Dear-secret" not in json.dumps(house.journal)
