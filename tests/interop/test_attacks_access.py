"""IMAP and POP3 under attack, before login and by somebody who may read his own mail and wants more."""

import re
import time

import pytest
from attacker import HOST, MIB, Caller, Imap, Pop3, bounded, deliver, empty, messages, stranger, wait_for, yardstick

LETTER = b"From: friend@else.test\r\nTo: alice@office.test\r\nSubject: private\r\n\r\nSECRET of alice\r\n"


@pytest.fixture
def box(server):
    """A mailbox of carol's of its own, selected."""
    with Imap(server, "carol") as imap:
        name = f"attacked{imap.socket.getsockname()[1]}"
        assert b" OK " in imap.do(f"CREATE {name}")
        assert b" OK " in imap.do(f"SELECT {name}")
        yield imap, name
    with Imap(server, "carol") as imap:
        imap.do(f"DELETE {name}")


# -- I01: literals


@pytest.mark.parametrize(
    "command",
    [b"a LOGIN {4294967295}", b"a LOGIN {4294967295+}", b"a LOGIN {99999999+}", b"a LOGIN {5000}", b"a LOGIN {5000+}",
     b"a LOGIN {99999999999999999999999999}", b"a LOGIN {" + b"9" * 3000 + b"+}", b"a APPEND INBOX {99999999+}",
     b"a AUTHENTICATE {99999999+}", b"{99999999+}", b"a {99999999+}", b"a XYZZY {99999999+}", b"a LOGIN ~{10000+}",
     b"a LOGIN {-1}", b"a LOGIN {0x10+}"],
    ids=lambda one: one[:40].decode(),
)  # fmt: skip
def test_a_literal_before_login_is_small_or_refused_and_never_a_command(server, command):
    """L31: what a stranger announces is not waited for; what he sends behind it is not executed (I01)."""
    with bounded(server, octets=8 * MIB):
        for _ in range(10):
            with Caller(server, "imaps", HOST) as caller:
                caller.line()
                caller.say(command, b"\r\n", b"m1 CAPABILITY\r\nm2 LOGOUT\r\n")
                caller.socket.settimeout(2)
                try:
                    said = caller.rest()
                except AssertionError as error:
                    said = str(error).encode()
                non_synchronizing = b"+}" in command and b"{0x" not in command
                if non_synchronizing:
                    assert b"m1 OK" not in said, said
                assert b"+ " not in said.partition(b"\n")[0] or b"5000" in command, said


def test_many_small_literals_before_login_are_too_many(server):
    """L31: four literals a command, then the end (I01)."""
    with bounded(server, octets=4 * MIB), Caller(server, "imaps", HOST) as caller:
        caller.line()
        caller.say(b"a LOGIN " + b"{1+}\r\nx " * 50 + b"\r\nm1 CAPABILITY\r\n")
        said = caller.rest()
        assert b"BYE" in said
        assert b"m1 OK" not in said


@pytest.mark.parametrize(
    "literal",
    [b"{4294967295+}", b"{104857600+}", b"{110000+}", b"{999999999999999999999999+}", b"{9223372036854775808+}"],
)
@pytest.mark.parametrize(
    "command", [b"SEARCH TEXT", b"SELECT", b'LIST ""', b"STORE 1 FLAGS", b"CREATE", b"XYZZY", b"RENAME a"]
)
def test_a_literal_after_login_is_bounded_and_never_a_command(server, command, literal):
    """L31: 100 KiB for one that is no message; beyond it nothing of what follows is a command (I01)."""
    with bounded(server, octets=8 * MIB), Imap(server, "carol") as imap:
        imap.say(b"b ", command, b" ", literal, b"\r\nm1 CREATE smuggled\r\nm2 NOOP\r\n")
        imap.socket.settimeout(1.5)
        try:
            said = imap.rest()
        except AssertionError as error:
            said = str(error).encode()
        assert b"m1 OK" not in said, said
        assert b"m2 OK" not in said, said
    with Imap(server, "carol") as imap:
        assert b"smuggled" not in imap.do('LIST "" *')


@pytest.mark.parametrize("size", [b"52428801", b"4294967295", b"99999999999999999999"])
def test_a_message_over_the_limit_is_refused_before_and_while_it_is_sent(server, size):
    """L1: APPEND says TOOBIG to who asks, and hangs up on who sends at once; no octet becomes a command."""
    with bounded(server, octets=8 * MIB):
        with Imap(server, "carol") as imap:
            assert b"TOOBIG" in imap.do(b"APPEND INBOX {" + size + b"}")
            assert b" OK " in imap.do("NOOP")
        with Imap(server, "carol") as imap:
            imap.say(b"b APPEND INBOX {" + size + b"+}\r\nm1 CREATE smuggled\r\n")
            said = imap.rest()
            assert b"TOOBIG" in said
            assert b"m1" not in said


@pytest.mark.parametrize("tail", [b"x", b" ", b")", b"m1 CREATE smuggled", b" {5+}\r\nabcde"])
def test_a_message_with_more_behind_it_is_not_filed(server, tail):
    """What follows the octets of APPEND must be the end of the line (I01, Roundcube 1.7.3)."""
    with bounded(server), Imap(server, "carol") as imap:
        answer = imap.do(b"APPEND INBOX {5+}\r\nhello" + tail)
        assert b" OK " not in answer
        assert b"smuggled" not in imap.do('LIST "" *')


# -- I02: nesting and sets


@pytest.mark.parametrize("depth", [2, 100, 15000])
def test_parentheses_before_login(server, depth):
    """L32: nothing a stranger may say has lists within lists."""
    with bounded(server, octets=4 * MIB), Caller(server, "imaps", HOST) as caller:
        caller.line()
        caller.say(b"a ID " + b"(" * depth + b"\r\n" * 2 + b"b LOGOUT\r\n")
        assert b"a OK" not in caller.rest()


BOMBS = {
    "parentheses": b"SEARCH " + b"(" * 8000 + b"ALL" + b")" * 8000,
    "NOT": b"SEARCH " + b"NOT " * 4000 + b"ALL",
    "OR": b"SEARCH " + b"OR ALL " * 2300 + b"ALL",
    "OR on the left": b"SEARCH " + b"OR " * 2700 + b"ALL " * 2701,
    "a list of keys": b"SEARCH " + b"ALL " * 4000 + b"ALL",
    "FETCH lists": b"FETCH 1 " + b"(" * 8000,
    "STORE lists": b"STORE 1 FLAGS " + b"(" * 8000,
    "BODY sections": b"FETCH 1 BODY[" + b"1." * 8000 + b"1]",
    "HEADER.FIELDS": b"FETCH 1 BODY[HEADER.FIELDS (" + b"a " * 8000 + b"a)]",
    "LIST patterns": b'LIST "" (' + b"*% " * 5000 + b"*)",
    "LIST wildcards": b'LIST "" "' + b"*%" * 4000 + b'z"',
    "LIST options": b"LIST (" + b"SUBSCRIBED " * 1400 + b'SUBSCRIBED) "" *',
    "STATUS items": b"STATUS INBOX (" + b"MESSAGES " * 1700 + b"MESSAGES)",
    "ranges": b"FETCH " + b"1:4294967295," * 1200 + b"1 FLAGS",
    "numbers": b"UID FETCH " + b",".join(b"%d" % n for n in range(1, 3300)) + b" UID",
    "a huge range": b"FETCH 1:4294967295 (UID FLAGS)",
    "search ranges": b"SEARCH " + b" ".join([b"1:4294967295"] * 1200),
    "the end first": b"UID FETCH 4294967295:1 UID",
    "zero": b"FETCH 0:0 UID",
    "too large": b"FETCH 4294967296 UID",
    "too many digits": b"FETCH " + b"9" * 16000 + b" UID",
    "modseq": b"SEARCH MODSEQ " + b"9" * 16000,
    "flags": b"STORE 1:* +FLAGS (" + b" ".join(b"k%d" % n for n in range(2500)) + b")",
    "a long flag": b"STORE 1:* +FLAGS (" + b"k" * 16000 + b")",
    "one item often": b"FETCH 1:* (" + b" ".join([b"ENVELOPE BODYSTRUCTURE"] * 650) + b")",
    "a partial": b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>",
    "a larger partial": b"FETCH 1 BODY.PEEK[]<99999999999999999999.1>",
    "dates": b"SEARCH " + b"BEFORE 99-Foo-9999 " * 500 + b"ALL",
    "the year 0": b"SEARCH SINCE 1-Jan-0000",
    "a charset": b"SEARCH CHARSET " + b"X" * 8000 + b" TEXT x",
    "keys by text": b"SEARCH " + b" ".join(b"TEXT x%d" % n for n in range(1000)),
    "keys by header": b"SEARCH " + b" ".join(b"HEADER a x%d" % n for n in range(1000)),
    "quotes": b'SELECT "' + b'\\"' * 7000 + b'"',
    "COPY to itself": b"COPY 1:4294967295 INBOX",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_command_made_to_explode_costs_little_and_nobody_else(server, box, name):
    """I02, I05, I06: every shape is answered or refused quickly, in bounded memory, and the neighbour is served."""
    imap, where = box
    for n in range(3):
        imap.append(where, b"Subject: %d\r\n\r\nhello\r\n" % n)
    imap.do("NOOP")
    with bounded(server, octets=24 * MIB) as house, Imap(server, "bob") as neighbour:
        before, unit = house.cpu_seconds, yardstick()
        imap.say(b"bomb ", BOMBS[name], b"\r\n")
        assert b" OK " in neighbour.do("NOOP")
        answer = imap.answer(b"bomb")
        assert answer, name
        assert answer.rpartition(b"\r\n")[0].rpartition(b"\n")[2].startswith((b"bomb ", b"* BYE")), answer[-200:]
        assert house.cpu_seconds - before < 30 * unit


# -- I03, L30: lines


@pytest.mark.parametrize(
    "line",
    [b"\0", b"a\0b NOOP", b"a NOOP\0", b"\xff\xfe NOOP", b"a NOOP\r", b"a NOOP\nb LOGOUT", b" ", b"", b"*", b"+ NOOP", b"a",
     b"a  NOOP", b"x" * 101 + b" NOOP", b"x" * 16000 + b" NOOP", b"a " + b"N" * 16000, b'a LOGIN "', b'a LOGIN "\\', b"a UID",
     b"a UID UID UID NOOP", b"(a NOOP", b"a NOOP (", b"\x16\x03\x01\x02\x00\x01", b"SSH-2.0-x", b"EHLO x", b"a\x7fb NOOP"],
    ids=lambda one: repr(one[:20]),
)  # fmt: skip
@pytest.mark.parametrize("name", ["", "carol"])
def test_a_line_that_is_no_command_is_refused(server, line, name):
    """BAD or BYE for whatever is no IMAP, before and after login; never silence, never a traceback."""
    with bounded(server, octets=4 * MIB), Imap(server, name) as imap:
        imap.say(line, b"\r\n")
        imap.say(b"z LOGOUT\r\n")
        said = imap.rest()
        assert b"BAD" in said or b"BYE" in said or b"NO" in said, said


@pytest.mark.parametrize(
    "command",
    [b"FETCH 1:* BODY[]", b"SELECT INBOX", b"CREATE x", b"IDLE", b"APPEND INBOX {3}", b"SEARCH ALL", b"MOVE 1 x"],
)
def test_commands_for_those_who_are_in_are_refused_to_strangers(server, command):
    """Nothing of anybody's mail before login (I09)."""
    with bounded(server), Caller(server, "imaps") as caller:
        caller.line()
        caller.say(b"a ", command, b"\r\n")
        assert caller.line().startswith(b"a BAD")


def test_a_login_in_the_clear_is_neither_offered_nor_taken(server):
    """A10: LOGINDISABLED, no AUTH=, no USER; the password is not even looked at."""
    with bounded(server):
        with Imap(server, service="imap") as imap:
            capabilities = imap.do("CAPABILITY")
            assert b"LOGINDISABLED" in capabilities
            assert b"AUTH=" not in capabilities
            assert b"PRIVACYREQUIRED" in imap.do(f"LOGIN alice@office.test {server.password('alice')}")
            assert b"PRIVACYREQUIRED" in imap.do("AUTHENTICATE PLAIN")
        with Pop3(server, service="pop3") as pop3:
            pop3.say(b"CAPA\r\n")
            assert not {b"USER", b"SASL"} & {line.split()[0] for line in pop3.to(b"\r\n.\r\n").splitlines()}
            assert pop3.ask_line(b"USER alice@office.test").startswith(b"-ERR")
            assert pop3.ask_line(b"AUTH PLAIN AGFsaWNlAHg=").startswith(b"-ERR")


# -- I05: reading slowly, asking fast


@pytest.mark.slow
def test_a_reader_who_never_reads_costs_what_fits_in_a_buffer(server):
    """I05: FETCH of everything pipelined on many connections, nothing read: memory is bounded, others are served."""
    with Imap(server, "carol") as imap:
        imap.do("CREATE bulk")
        for _ in range(20):
            assert b" OK " in imap.append("bulk", b"Subject: x\r\n\r\n" + b"y" * 998 * 1000)
    with bounded(server, octets=64 * MIB):
        callers = [Imap(server, "carol") for _ in range(19)]
        for caller in callers:
            caller.do("SELECT bulk")
            caller.pour(b"x FETCH 1:* BODY.PEEK[]\r\n", 4 * MIB, 1)
        with Imap(server, "bob") as neighbour:
            assert b" OK " in neighbour.do("NOOP")
        for caller in callers:
            caller.close()
    with Imap(server, "carol") as imap:
        assert b" OK " in imap.do("DELETE bulk")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("door", [pytest.param("imap", marks=pytest.mark.heavy), "pop3"])  # imap waits two windows
def test_a_reader_who_stops_reading_is_cut_off(strict, door):
    """L18 the other way round: what we have to say must be read, or the connection ends; memory stays small."""
    server = strict('idle_seconds = "2s"\naccount_auth_failures_hour = 21')
    letter = b"Subject: x\r\n\r\n" + (b"y" * 998 + b"\r\n") * 8000
    assert deliver(server, "bob", letter)[:3] == b"250"
    with bounded(server, octets=16 * MIB) as house:
        files = house.files
        if door == "imap":
            caller: Caller = Imap(server, "bob")
            caller.say(b"s SELECT INBOX\r\n", b"f FETCH 1 BODY.PEEK[]\r\n" * 10)
            wait_for(lambda: house.files <= files, "the reader to be let go", 150)  # L18: two windows
        else:
            caller = Pop3(server, "bob")
            caller.say(b"RETR 1\r\n" * 10)
            with Pop3(server, "alice") as other:
                assert other.ask_line(b"STAT").startswith(b"+OK")
        caller.close()


@pytest.mark.heavy
def test_a_mailbox_of_very_many_messages_keeps_nobody_waiting(server):
    """H1, H7: what one reader does to 30,000 messages does not hold up somebody else's mail."""
    keywords = " ".join(f"k{n}" for n in range(80))
    ranges = ",".join(str(n * 5) for n in range(1, 1900))
    with Imap(server, "carol") as imap:
        imap.socket.settimeout(90)
        imap.do("CREATE many")
        imap.append("many", b"Subject: x\r\n\r\n")
        imap.do("SELECT many")
        with bounded(server, octets=48 * MIB):
            for _ in range(15):
                assert b" OK " in imap.do("COPY 1:* many")
            for command in (
                f"STORE 1:* +FLAGS.SILENT ({keywords})",
                f"UID SEARCH UID {ranges}",
                "SEARCH " + "OR UID 1 UID 1:4294967295 " * 60 + "ALL",
                "STORE 1:* +FLAGS.SILENT (\\Deleted)",
                "EXPUNGE",
            ):
                imap.say(b"x ", command.encode(), b"\r\n")
                unit, slowest = yardstick(), 0.0
                for _ in range(5):
                    started = time.monotonic()
                    assert deliver(server, "bob", LETTER)[:3] == b"250"
                    slowest = max(slowest, time.monotonic() - started)
                assert b"x OK" in imap.answer(b"x")
                assert slowest < 20 * unit, command[:40]
        imap.do("UNSELECT")
        imap.do("DELETE many")


def test_many_subscriptions_are_listed_once_each(server):
    """R07: LSUB is linear in what is subscribed to."""
    with Imap(server, "bob") as imap, bounded(server) as house:
        imap.socket.settimeout(60)
        names = [b"p%d/x" % n for n in range(500)]
        imap.say(b"".join(b"s SUBSCRIBE %s\r\n" % name for name in names))
        for _ in range(500):
            assert b" OK " in imap.answer(b"s")
        before, unit = house.cpu_seconds, yardstick()
        assert imap.do('LSUB "" "%"').count(b"Noselect") >= 500
        assert house.cpu_seconds - before < 5 * unit
        imap.say(b"".join(b"u UNSUBSCRIBE %s\r\n" % name for name in names))
        for _ in range(500):
            assert b" OK " in imap.answer(b"u")


@pytest.mark.heavy
def test_a_part_decoded_many_times_is_not_held_many_times(server):
    """One FETCH may name one large part hundreds of times; it is decoded for a reader, never heaped up."""
    lines = (b"QUJD" * 19 + b"\r\n") * 100_000
    with Imap(server, "carol") as imap:
        imap.do("CREATE heap")
        message = b"Subject: x\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines
        assert b" OK " in imap.append("heap", message)
        imap.do("SELECT heap")
        with bounded(server, octets=96 * MIB) as house, Imap(server, "bob") as neighbour:
            before = house.resident
            imap.say(b"h FETCH 1 (" + b" ".join(b"BINARY.PEEK[1]<%d.6000000>" % n for n in range(200)) + b")\r\n")
            peak, end = 0, time.monotonic() + 8
            while time.monotonic() < end:
                assert b" OK " in neighbour.do("NOOP")
                peak = max(peak, house.resident)
                assert peak - before < 96 * MIB, f"{(peak - before) / MIB:.0f} MiB"
                time.sleep(0.1)
    with Imap(server, "carol") as imap:
        imap.do("DELETE heap")


@pytest.mark.slow
def test_a_million_commands_nobody_reads_the_answers_of(server):
    """I05: NOOP without end: we stop reading when our answers are not read."""
    with bounded(server, octets=8 * MIB):
        callers = [Imap(server, "carol") for _ in range(5)]
        for caller in callers:
            caller.pour(b"x NOOP\r\n" * 8000, 64 * MIB, 3)
        with Imap(server, "bob") as neighbour:
            assert b" OK " in neighbour.do("NOOP")
        for caller in callers:
            caller.close()


def test_twenty_connections_of_an_account_and_no_more(strict):
    """L33: one account has its places, on both ports together, and gets one back when a connection ends."""
    server = strict("imap_account_connections = 3")
    with bounded(server, octets=4 * MIB):
        inside = [Imap(server, "alice", source=stranger()) for _ in range(3)]
        with Imap(server, source=stranger()) as extra:
            assert b"[LIMIT]" in extra.do(f"LOGIN alice@office.test {server.password('alice')}")
        with Imap(server, "bob", source=stranger()) as other:
            assert b" OK " in other.do("NOOP")
        with inside.pop() as leaving:
            leaving.do("LOGOUT")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with Imap(server, source=stranger()) as again:
                if b" OK " in again.do(f"LOGIN alice@office.test {server.password('alice')}"):
                    break
        else:
            raise AssertionError("the place is not given back")
        for one in inside:
            one.close()


# -- I07: names


NAMES = (
    "../../etc/passwd", "..", ".", "/etc/passwd", "/", "//", "a//b", "a/", "/a", "~", "~root", "a\\..\\b", "%00", "a\x01b",
    "a\x7fb", "&", "&-", "&AAA-", "&ACE-", "&Jjo", "&2D3-", "a&AC8-b", "INBOX/../x", "inbox", "INBOX/", "a" * 300, "/".join(["a"] * 40),
    "a%b", "a*b", "CON", "a\tb", "*", "%", "&AAo-", "&AA0ACg-", "&IC4-", "x' OR 1=1 --", "${IFS}", "%s%n",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_mailbox_name_is_only_a_name(server, name):
    """I07: made, listed and deleted again, or refused; nothing outside the database is ever called so."""
    before = {path for path in server.directory.rglob("*") if "store" not in path.parts}
    with bounded(server), Imap(server, "carol") as imap:
        listed = imap.do('LIST "" *')
        quoted = name.removesuffix("/").replace("\\", "\\\\")  # a last slash only says that more shall go below
        answer = imap.do(f'CREATE "{quoted}"')
        assert answer, "silence"
        if b" OK " in answer:
            assert b" OK " in imap.do(f'SELECT "{quoted}"')
            imap.do("UNSELECT")
            assert b" OK " in imap.do(f'DELETE "{quoted}"')
        assert imap.do('LIST "" *').splitlines()[:-1] == listed.splitlines()[:-1]
        for command in ("SELECT", "STATUS", "SUBSCRIBE", "DELETE", "EXAMINE"):
            assert imap.do(f'{command} "{quoted}"' + (" (MESSAGES)" if command == "STATUS" else ""))
        imap.do(f'UNSUBSCRIBE "{quoted}"')
    assert {path for path in server.directory.rglob("*") if "store" not in path.parts} == before


def test_octets_in_names_that_are_no_text(server):
    """NUL, bare line ends and broken UTF-8 by way of a literal (I07, S06)."""
    with bounded(server) as house, Imap(server, "carol") as imap:
        for octets in (b"a\0b", b"a\r\nb", b"a\nz OK", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"a\x1b[2J"):
            for utf8 in (False, True):
                if utf8:
                    imap.do("ENABLE IMAP4rev2 UTF8=ACCEPT")
                answer = imap.do(b"CREATE {%d+}\r\n%s" % (len(octets), octets))
                assert b" NO " in answer or b" BAD " in answer, (octets, answer)
        assert all("\x1b" not in str(value) and "\n" not in str(value) for e in house.journal for value in e.values())


@pytest.mark.slow
def test_ten_thousand_names_and_a_thousand_wildcards(server):
    """I06: LIST is linear: no pattern makes it slow."""
    with Imap(server, "bob") as imap:
        for n in range(0, 1000, 100):
            imap.say(b"".join(b"c%d CREATE deep/%s/%d\r\n" % (m, b"a" * 100, m) for m in range(n, n + 100)))
            for m in range(n, n + 100):
                assert b" OK " in imap.answer(b"c%d" % m)
        with bounded(server) as house:
            before, unit = house.cpu_seconds, yardstick()
            imap.do('LIST "" "' + "*a" * 1000 + '*b"')
            assert house.cpu_seconds - before < 15 * unit
        for n in range(0, 1000, 100):
            imap.say(b"".join(b"d%d DELETE deep/%s/%d\r\n" % (m, b"a" * 100, m) for m in range(n, n + 100)))
            for m in range(n, n + 100):
                assert b" OK " in imap.answer(b"d%d" % m)


# -- I09: other people's mail


def test_nobody_reads_what_is_not_his(server):
    """I09: no way of naming it leads to another account's mailbox or message."""
    empty(server, "alice")
    assert deliver(server, "alice", LETTER)[:3] == b"250"
    with Imap(server, "alice") as imap:
        imap.do("CREATE Secrets")
        identity = re.search(rb"MAILBOXID \((\w+)\)", imap.do("STATUS INBOX (MAILBOXID)"))[1]
        imap.do("SELECT INBOX")
        email = re.search(rb"EMAILID \((\w+)\)", imap.do("FETCH 1 (EMAILID)"))[1]
    with bounded(server), Imap(server, "carol") as imap:
        for name in ("alice/INBOX", "alice@office.test/INBOX", "user/alice", "user.alice", "#users/alice", "~alice/INBOX",
                     "Other Users/alice", "../alice/INBOX", "/alice/INBOX", "alice", "Secrets", identity.decode()):  # fmt: skip
            for command in ("SELECT", "EXAMINE", "DELETE"):
                assert b" NO " in imap.do(f'{command} "{name}"'), (command, name)
            assert b" NO " in imap.do(f'STATUS "{name}" (MESSAGES)')
            assert b" NO " in imap.do(f'RENAME "{name}" mine')
        assert b"Secrets" not in imap.do('LIST "" *')
        for reference in ('"../"', '"alice/"', '"~alice"', '"/"'):
            assert b"Secrets" not in imap.do(f'LIST {reference} "*"')
        imap.do("SELECT INBOX")
        assert email not in imap.do(b"SEARCH EMAILID " + email)
        assert b"SECRET" not in imap.do("UID FETCH 1:* BODY.PEEK[TEXT]")
    with Imap(server, "alice") as imap:
        assert b" OK " in imap.do("DELETE Secrets")
    assert any(b"SECRET" in one for one in messages(server, "alice"))


# -- A02, A04, A07 at the access doors


@pytest.mark.parametrize("door", ["imap", "pop3"])
def test_who_exists_is_not_told_by_a_failed_login(server, door):
    """A04: known, unknown and malformed names fail with the same words."""

    def attempt(user: str) -> bytes:
        if door == "imap":
            with Imap(server) as imap:
                return imap.do(f'LOGIN "{user}" wrong').replace(b"a1", b"")
        with Pop3(server) as pop3:
            pop3.ask_line(b"USER " + user.encode())
            return pop3.ask_line(b"PASS wrong")

    with bounded(server):
        users = ("alice@office.test", "nobody@office.test", "alice@else.test", "alice", "@", "x" * 200, "a'; --")
        assert len({attempt(user) for user in users}) == 1


@pytest.mark.parametrize("service", ["imaps", "pop3s"])
def test_three_wrong_passwords_end_the_connection(server, service):
    """L21: three failures a connection."""
    with bounded(server), Caller(server, service) as caller:
        caller.line()
        said = b""
        for n in range(4):
            if service == "imaps":
                caller.say(b"a%d LOGIN carol@office.test wrong%d\r\n" % (n, n))
            else:
                caller.say(b"USER carol@office.test\r\nPASS wrong%d\r\n" % n)
        said = caller.rest()
        assert said.count(b"AUTH") <= 3 + said.count(b"USER"), said


def test_guessing_from_one_address_ends_for_all_doors(strict):
    """A02: ten failures a minute from an address; then the right password is not looked at either, elsewhere it is."""
    server = strict("client_auth_failures_minute = 4")
    source = stranger()
    with bounded(server):
        for again in range(2):
            with Imap(server, source=source) as imap:
                for n in range(3):
                    imap.do(f"LOGIN carol@office.test wrong{again}{n}")
        with Pop3(server, source=source) as pop3:
            pop3.ask_line(b"USER alice@office.test")
            assert pop3.ask_line(b"PASS " + server.password("alice").encode()).startswith(b"-ERR")
        with Pop3(server, "alice", source=stranger()) as pop3:
            assert pop3.ask_line(b"STAT").startswith(b"+OK")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"====",
        b"!!!!",
        b"AAAA",
        b"A" * 12280,
        b"\0\0\0\0",
        b"AGEA",
        b"bixhPWEsbj1hLHI9Yg==",
        b"AAAAAAAA====",
        b"*",
    ],
)
@pytest.mark.parametrize("mechanism", [b"PLAIN", b"LOGIN", b"SCRAM-SHA-256", b"XYZZY", b"", b"PLAIN PLAIN"])
def test_a_login_that_is_garbage_is_only_refused(server, mechanism, response):
    """A07: broken base64, broken messages, cancelled and endless exchanges end in a refusal, at both access doors."""
    with bounded(server, octets=4 * MIB):
        with Caller(server, "imaps", HOST) as caller:
            caller.line()
            caller.say(b"a AUTHENTICATE ", mechanism, b"\r\n")
            for _ in range(4):
                first = caller.line()
                if not first.startswith(b"+"):
                    break
                caller.say(response, b"\r\n")
            assert first.startswith((b"a NO", b"a BAD", b"* BYE", b"* BAD")), first
        with Caller(server, "pop3s", HOST) as caller:
            caller.line()
            caller.say(b"AUTH ", mechanism, b"\r\n")
            for _ in range(4):
                first = caller.line()
                if not first.startswith(b"+ "):
                    break
                caller.say(response, b"\r\n")
            assert first.startswith(b"-ERR") or not mechanism, first


# -- POP3


@pytest.mark.parametrize(
    "command",
    [b"TOP 1 99999999999999999999", b"TOP 1 -1", b"RETR 0", b"RETR -1", b"RETR 99999999999999999999", b"RETR 1 1", b"DELE",
     b"UIDL 0", b"LIST x", b"\0", b"RETR \xff", b"USER x", b"APOP x y", b"XTND", b"STLS", b"AUTH", b"RETR 1\r", b"LIST 1e1",
     b"RETR \xd9\xa1", b"TOP 1 " + b"9" * 400, b"UTF8", b"LANG \x1b", b"NOOP x", b" STAT", b"STAT ", b"RETR +1", b"TOP 1"],
    ids=repr,
)  # fmt: skip
def test_a_pop3_command_that_is_not_one_is_refused_and_the_next_one_heard(server, command):
    """Whatever is said, a line of answer and the session goes on (I10)."""
    with bounded(server), Pop3(server, "bob") as pop3:
        assert pop3.ask_line(command)[:1] in b"+-"
        if command in {b"AUTH", b"LANG", b"UTF8"}:
            return
        pop3.say(b"NOOP\r\n")
        assert pop3.line().startswith(b"+OK")


def test_a_pop3_session_that_breaks_off_removes_nothing(server):
    """I10: DELE without QUIT is no DELE."""
    deliver(server, "bob", b"Subject: stays\r\n\r\nx")
    count = len(messages(server, "bob"))
    with Pop3(server, "bob") as pop3:
        assert pop3.ask_line(b"DELE 1").startswith(b"+OK")
    assert len(messages(server, "bob")) == count


@pytest.mark.slow
def test_pop3_pipelined_without_reading(server):
    """I10: RETR without end, nothing read: bounded, and somebody else is served."""
    empty(server, "bob")
    assert deliver(server, "bob", b"Subject: large\r\n\r\n" + (b"y" * 998 + b"\r\n") * 5000)[:3] == b"250"
    with bounded(server, octets=16 * MIB), Pop3(server, "bob") as pop3:
        pop3.pour(b"RETR 1\r\n" * 1000, 16 * MIB, 3)
        with Pop3(server, "alice") as other:
            assert other.ask_line(b"STAT").startswith(b"+OK")
