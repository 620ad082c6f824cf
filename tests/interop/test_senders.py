"""Who sent it: policies and outcomes, our own domain, forged results, at the real door with a DNS of the test's own.

Each case looks at the reply, at the decision ledger and into the mailbox
(threats D01 to D04, D08, D09).
"""

import re
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from localserver import localserve
from nameserver import NameServer
from office import free_ports
from sending import PAIR, Sent, World, letter, sealed, signed, with_header, world

from posthouse.filter.display import Standing, display_in
from posthouse.standards.authres.read import parse_results
from posthouse.standards.imf.header import parse_header

POLICIES = {  # what far.test publishes, and what failing means
    "none": (None, "INBOX"),
    "p-none": ("p=none", "INBOX"),
    "quarantine": ("p=quarantine", "Junk"),
    "reject": ("p=reject", "refused"),
    "tested": ("p=reject; t=y", "Junk"),
    "strict": ("p=reject; adkim=s; aspf=s", "refused"),
}
OUTCOMES = (
    "dkim", "dkim of a subdomain", "spf", "both", "nothing", "dkim of another", "dkim broken", "key unanswered",
)  # fmt: skip
CONFIG = """\
hostname = "mx.office.test"
[authentication]
sealers = ["list.test"]
welcome = ["welcome.test"]
unwelcome = ["unwelcome.test"]
"""
NO_CHECK = 'hostname = "mx.office.test"\n[authentication]\nverify = false\n'


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    names = NameServer()
    names.publish("office.test", txt=["v=spf1 ip4:127.0.0.9 -all"], mx=["10 mx.office.test."])
    names.publish("mx.office.test", a=["127.0.0.1"])
    names.publish("client.example", txt=["v=spf1 -all"])
    for name, (record, _) in POLICIES.items():
        domain = f"{name}.test"
        names.publish(domain, txt=["v=spf1 ip4:127.0.0.1 -all"], a=["127.0.0.1"])
        if record:
            names.publish(f"_dmarc.{domain}", txt=[f"v=DMARC1; {record}"])
        for one in (domain, f"sub.{domain}"):
            names.publish(f"s._domainkey.{one}", txt=[PAIR.record])
    for domain in ("other.test", "office.test", "legit.test", "attack.test", "list.test"):
        names.publish(f"s._domainkey.{domain}", txt=[PAIR.record])
    names.publish("attack.test", txt=["v=spf1 ip4:127.0.0.1 -all"])
    names.publish("legit.test", txt=["v=spf1 ip4:192.0.2.1 -all"], a=["192.0.2.1"])
    names.publish("_dmarc.legit.test", txt=["v=DMARC1; p=reject"])
    names.broken |= {"dead.test", *(f"dead._domainkey.{name}.test" for name in POLICIES)}
    with names.running(), world(tmp_path_factory.mktemp("senders"), names, CONFIG) as one:
        yield one


def message_of(outcome: str, domain: str) -> tuple[bytes, str]:
    """A message with this outcome, and its MAIL FROM."""
    plain = letter(b"Alice <alice@%s>" % domain.encode())
    if outcome == "nothing":
        return plain, "x@nowhere.test"
    if outcome == "spf":
        return plain, f"alice@{domain}"
    if outcome == "both":
        return signed(plain, domain), f"alice@{domain}"
    if outcome == "dkim of a subdomain":
        return signed(plain, f"sub.{domain}"), "x@nowhere.test"
    if outcome == "dkim of another":
        return signed(plain, "other.test"), "x@nowhere.test"
    if outcome == "dkim broken":
        return signed(plain, domain).replace(b"Hello", b"Hullo"), "x@nowhere.test"
    return signed(plain, domain, selector="dead" if outcome == "key unanswered" else "s"), "x@nowhere.test"


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("policy", POLICIES)
def test_what_becomes_of_it(internet: World, policy: str, outcome: str) -> None:
    domain, failing = f"{policy}.test", POLICIES[policy][1]
    sent = internet.send(*message_of(outcome, domain))
    record = sent.record
    proven = outcome in {"dkim", "spf", "both"} or (outcome == "dkim of a subdomain" and policy != "strict")
    expected = "INBOX" if proven else "deferred" if outcome == "key unanswered" and failing != "INBOX" else failing
    stored = sent.stored()
    if expected in {"refused", "deferred"}:
        assert (sent.code, sent.text[:6]) == ((550, "5.7.26") if expected == "refused" else (451, "4.7.26"))
        assert (record["verdict"], record["action"]) == (expected, {"refused": "refuse"}.get(expected, "defer"))
        assert any(reason.startswith("sender.dmarc: ") for reason in record["reasons"])
        assert stored is None
    else:
        assert (sent.code, record["verdict"]) == (250, "accepted")
        assert stored is not None
        assert stored[0] == expected
        top = stored[1].partition(b"\r\nReceived:")[0]
        dmarc = "none" if policy == "none" else "pass" if proven else "fail"
        assert b"\r\nAuthentication-Results: mx.office.test;" in top
        assert f"dmarc={dmarc}".encode() in top
        assert any(one.startswith(f"dmarc={dmarc} {domain}") for one in record["results"])
        shown = display_in(top + b"\r\n")
        assert str(shown) == record["display"]
        assert (shown.standing is Standing.VERIFIED) == (
            outcome in {"dkim", "both"} or (outcome == "dkim of a subdomain" and proven and policy != "none")
        )
    if policy == "tested" and expected == "Junk":
        assert record["override"] == "policy_test_mode"


# -- our own domain


@pytest.mark.parametrize(
    ("author", "mail_from"),
    [
        (b"alice@office.test", "alice@office.test"),
        (b"alice@office.test", ""),
        (b"Boss <boss@OFFICE.test>", "x@spf.test"),
        (b"eve@nowhere.test", "alice@office.test"),
        (b"eve@nowhere.test", "nobody@office.test"),
        (b"eve@p-none.test", "alice@office.test"),
        (b"eve@quarantine.test", "alice@office.test"),
    ],
)
def test_nobody_outside_writes_in_our_name(internet: World, author: bytes, mail_from: str) -> None:
    sent = internet.send(letter(author), mail_from)
    assert (sent.code, sent.text[:6]) == (550, "5.7.26")
    assert sent.record["reasons"][0].startswith("sender.own-domain: ")
    assert sent.stored() is None


@pytest.mark.parametrize("how", ["spf", "dkim"])
def test_our_own_servers_elsewhere_do(internet: World, how: str) -> None:
    message = letter(b"alice@office.test")
    if how == "spf":
        sent = internet.send(message, "alice@office.test", peer="127.0.0.9")
    else:
        sent = internet.send(signed(message, "office.test"), "x@nowhere.test")
    assert sent.code == 250
    assert sent.stored()[0] == "INBOX"


def test_a_domain_of_ours_that_the_dns_does_not_answer_for_is_deferred(internet: World) -> None:
    list(internet.house.ask("domain add", name="dead.test"))
    for author, mail_from in ((b"a@dead.test", "a@dead.test"), (b"eve@nowhere.test", "a@dead.test")):
        sent = internet.send(letter(author), mail_from)
        assert (sent.code, sent.text[:3]) == (451, "4.7")
        assert sent.stored() is None
    list(internet.house.ask("domain remove", name="dead.test"))


def test_lmtp_is_inside_already(internet: World) -> None:
    message = letter(b"alice@office.test", b"Authentication-Results: mx.office.test; dmarc=pass\r\n")
    with smtplib.LMTP("127.0.0.1", internet.server.port("lmtp")) as client:
        assert client.sendmail("alice@office.test", ["bob@office.test"], message) == {}


# -- what only we may say (threat D03)

FORGERIES = [
    b"Authentication-Results: mx.office.test; dmarc=pass header.from=bank.test\r\n",
    b"authentication-results: mx.office.test; dmarc=pass\r\n",
    b"AUTHENTICATION-RESULTS: MX.OFFICE.TEST; dmarc=pass\r\n",
    b"Authentication-Results : mx.office.test; dmarc=pass\r\n",
    b"Authentication-Results:mx.office.test;dmarc=pass\r\n",
    b"Authentication-Results:\r\n mx.office.test;\r\n\tdmarc=pass\r\n",
    b"Authentication-Results: mx.office.test 1; dmarc=pass\r\n",
    b"Authentication-Results: mx.office.test.; dmarc=pass\r\n",
    b'Authentication-Results: "mx.office.test"; dmarc=pass\r\n',
    b"Authentication-Results: (a comment) mx.office.test (another); dmarc=pass\r\n",
    b"Authentication-Results: (nested (deep) \\) ) mx.office.test; dmarc=pass\r\n",
    b"Authentication-Results: m\\x.office.test; dmarc=pass\r\n",
    b"Authentication-Results: =?us-ascii?q?mx.office.test?=; dmarc=pass\r\n",
    b"Authentication-Results: =?utf-8?b?bXgub2ZmaWNlLnRlc3Q=?=; dmarc=pass\r\n",
    "Authentication-Results: ｍｘ.office.test; dmarc=pass\r\n".encode(),  # noqa: RUF001 - that is the attack
    "Authentication-Results: mx\u200b.office.test; dmarc=pass\r\n".encode(),
    b"Authentication-Results: mx . office . test; dmarc=pass\r\n",
    b"X-Authentication-Results: mx.office.test; dmarc=pass\r\n",
    b"Return-Path: <boss@office.test>\r\n",
    b"return-path:<>\r\n",
    b"Posthouse-Sender: verified bank.test\r\n",
    b"POSTHOUSE-sender :verified bank.test\r\n",
]
KEPT = [
    b"Authentication-Results: mx.far.test; dmarc=pass\r\n",
    b"Authentication-Results: not-mx.office.test.evil.test; dmarc=pass\r\n",
    b"ARC-Authentication-Results: i=1; mx.office.test; dmarc=pass\r\n",
    b"Received: from a by mx.office.test with ESMTP id 1; Sat, 21 Nov 2026 14:00:00 +0000\r\n",
]


@pytest.mark.parametrize("forged", FORGERIES)
@pytest.mark.parametrize("place", ["above", "below"])
def test_what_claims_to_be_ours_is_cut_out(internet: World, forged: bytes, place: str) -> None:
    parts = (forged, b"From: eve@nowhere.test\r\n") if place == "above" else (b"From: eve@nowhere.test\r\n", forged)
    sent = internet.send(with_header(b"".join([*parts, *KEPT])), "eve@nowhere.test")
    assert sent.code == 250
    _, octets = sent.stored()
    ours, _, theirs = octets.partition(b"\r\nReceived: from client.example")
    assert b"\r\nAuthentication-Results: mx.office.test;" in ours
    assert re.search(rb"^Posthouse-Sender: unverified\r$", ours, re.MULTILINE)
    for kept in KEPT:
        assert kept in theirs
    assert forged not in octets
    beyond = theirs.partition(b"From:")[0] + theirs.partition(b"\r\n\r\n")[0]
    assert b"dmarc=pass header.from=bank.test" not in beyond
    assert b"bank.test" not in beyond
    assert len(re.findall(rb"(?im)^return-path", octets)) == 1


def test_a_forged_field_in_a_header_that_comes_octet_by_octet_is_cut_out(internet: World) -> None:
    message = with_header(FORGERIES[0] + b"From: eve@nowhere.test\r\n")
    with smtplib.SMTP("127.0.0.1", internet.server.port("smtp")) as client:
        client.ehlo("client.example")
        client.mail("eve@nowhere.test")
        client.rcpt("bob@office.test")
        client.docmd("DATA")
        for at in range(len(message)):
            client.sock.sendall(message[at : at + 1])
        client.send(b".\r\n")
        assert client.getreply()[0] == 250


def test_a_signature_over_a_forged_field_still_counts_and_the_field_is_gone(internet: World) -> None:
    """What is cut out is cut after the signatures have been looked at."""
    sent = internet.send(FORGERIES[0] + signed(letter(b"alice@both.test"), "reject.test"), "x@reject.test")
    assert sent.code == 250
    assert any(one.startswith("dkim=pass reject.test") for one in sent.record["results"])


OTHER_PLACES = {
    "in a header of line feeds": b"From: eve@nowhere.test\nAuthentication-Results: mx.office.test; dmarc=pass\n",
    "after a bare carriage return": b"From: eve@nowhere.test\r\nX-A: b\rAuthentication-Results: mx.office.test; d=pass\r\n",
    "folded in a strange way": b"Authentication-Results\r\n : mx.office.test; dmarc=pass\r\nFrom: eve@nowhere.test\r\n",
    "many of them": b"Authentication-Results: mx.office.test; dmarc=pass\r\n" * 400 + b"From: eve@nowhere.test\r\n",
    "behind a long comment": b"Authentication-Results: (%s) mx.office.test; dmarc=pass\r\nFrom: eve@nowhere.test\r\n"
    % (b"x" * 900),
    "in a list of ids": b"Authentication-Results: a.test, mx.office.test; dmarc=pass\r\nFrom: eve@nowhere.test\r\n",
}


@pytest.mark.parametrize("fields", OTHER_PLACES.values(), ids=OTHER_PLACES)
def test_wherever_it_stands_no_reader_finds_it(internet: World, fields: bytes) -> None:
    """Read as IMAP clients do: the whole message, and the fields of that name as the server picks them."""
    sent = internet.send(with_header(fields), "eve@nowhere.test")
    if sent.code != 250:
        assert sent.stored() is None
        return
    _, octets = sent.stored()
    header = octets.partition(b"\r\n\r\n")[0]
    assert len(re.findall(rb"(?im)^(?:x-)?authentication-results", header.replace(b"\r", b"\n"))) == 1
    (picked,) = internet.picked(sent, "AUTHENTICATION-RESULTS")
    assert picked.startswith(b"Authentication-Results: mx.office.test;")
    assert b"dmarc=pass" not in picked


# -- what stands in the envelope or in a signature stays a value in our own field (threats D03, S06)

WRITTEN = b"spf=pass; dmarc=pass header.from=bank.test"
ENVELOPES = {
    "a quoted local part": ("client.example", '"x; dmarc=pass header.from=bank.test"@nowhere.test'),
    "a comment in it": ("client.example", '"x) ; dmarc=pass (header.from=bank.test"@nowhere.test'),
    "escapes in it": ("client.example", '"x\\"; dmarc=pass header.from=bank.test; y=\\""@nowhere.test'),
    "a tab in it": ("client.example", '"x;\tdmarc=pass header.from=bank.test"@nowhere.test'),
    "the other name": ("bank.test;dmarc=pass", "eve@nowhere.test"),
    "a comment as name": ("(a);dmarc=pass", "eve@nowhere.test"),
    "blanks in the name": ("a dmarc=pass header.from=bank.test", "eve@nowhere.test"),
    "an address literal": ("[IPv6:::1;dmarc=pass]", "eve@nowhere.test"),
    "a bare line feed": ("a\nAuthentication-Results: mx.office.test; dmarc=pass", "eve@nowhere.test"),
    "a bare carriage return": ("client.example", '"x\rAuthentication-Results: mx.office.test"@nowhere.test'),
}
SIGNATURES = {
    "a tag that is none": b"v=1; dmarc=pass\r\n\t(header.from=bank.test); %s",
    "the algorithm": b"v=1; a=x (; dmarc=pass header.from=bank.test; d=nowhere.test; s=s; h=from; b=AA==; bh=AA==",
    "the selector": b'v=1; a=rsa-sha256; d=nowhere.test; s=s" dmarc=pass; h=from; b=AA==; bh=AA==',
    "the domain": b"v=1; a=rsa-sha256; d=nowhere.test) dmarc=pass (; s=s; h=from; b=AA==; bh=AA==",
    "letters of others": "v=1; a=rsa-sha256; d=b\u00fccher\u2028dmarc=pass.test; s=s; h=from; b=AA==; bh=AA==".encode(),
}


@pytest.mark.parametrize(("helo", "mail_from"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_writes_nothing_into_our_field(internet: World, helo: str, mail_from: str) -> None:
    message = letter(b"eve@nowhere.test")
    subject = re.search(rb"Subject: (case-[0-9a-f]+)", message)[1].decode()
    client, replies = smtplib.SMTP("127.0.0.1", internet.server.port("smtp"), timeout=60), []
    try:
        for line in (f"EHLO {helo}", f"MAIL FROM:<{mail_from}>", "RCPT TO:<bob@office.test>", "DATA"):
            client.sock.sendall(line.encode() + b"\r\n")
            replies.append(client.getreply()[0])
            if replies[-1] >= 400:
                break
        if replies[-1] == 354:
            client.send(message + b".\r\n")
            replies.append(client.getreply()[0])
    finally:
        client.close()
    only_ours(Sent(internet, replies[-1], "", subject))


@pytest.mark.parametrize("tags", SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_writes_nothing_into_our_field(internet: World, tags: bytes) -> None:
    message = b"DKIM-Signature: " + tags.replace(b"%s", WRITTEN) + b"\r\n" + letter(b"eve@nowhere.test")
    sent = internet.send(message, "eve@nowhere.test")
    assert sent.code == 250
    only_ours(sent)


def only_ours(sent: Sent) -> None:
    """If it was taken, above the fields of the sender stand ours alone, and the results are those we found."""
    stored = sent.stored()
    if stored is None:
        return
    ours = stored[1].partition(b"\r\nFrom: ")[0].partition(b"\r\nDKIM-Signature: ")[0]
    header = parse_header(ours + b"\r\n\r\n")
    assert [one.name for one in header.fields] == [
        "return-path", "delivered-to", "posthouse-sender", "authentication-results", "received"
    ]  # fmt: skip
    found = parse_results(header.first("authentication-results"))
    assert found.authserv_id == "mx.office.test"
    assert {one.method for one in found.results} <= {"spf", "dkim", "dmarc"}
    assert [one.result for one in found.results if one.method == "dmarc"] == ["none"]
    assert not any(one.property("header", "from") == "bank.test" for one in found.results)
    assert display_in(stored[1]).standing is Standing.UNVERIFIED


# -- signatures that prove nothing (threats D04, D09)


def weak(message: bytes, **changes: bytes) -> bytes:
    """``message`` with a tag of its signature set to something else."""
    head, _, rest = message.partition(b"\r\nFrom:")
    for tag, value in changes.items():
        head = re.sub(rb"\b%s=[^;]*" % tag.encode(), tag.encode() + b"=" + value, head, count=1)
    return head + b"\r\nFrom:" + rest


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda m: signed(m, "reject.test", until=int(time.time()) - 5, at=int(time.time()) - 1000), "expired"),
        (lambda m: signed(m, "reject.test", at=int(time.time()) + 90000), "future"),
        (lambda m: weak(signed(m, "reject.test"), a=b"rsa-sha1"), "sha1"),
        (lambda m: weak(signed(m, "reject.test"), v=b"2"), "version"),
        (lambda m: weak(signed(m, "reject.test"), d=b"reject.test(.attack.test"), "a name that is none"),
        (lambda m: weak(signed(m, "attack.test"), s=b"s._domainkey.attack.test.", d=b"reject.test"), "a selector that escapes"),
        (lambda m: signed(m, "reject.test", selector="huge"), "a key record of 60 KiB"),
        (lambda m: signed(m, "reject.test", selector="many"), "50 key records"),
        (lambda m: signed(m, "reject.test", selector="giant"), "a key of 16,384 bits"),
        (lambda m: signed(m, "reject.test", selector="none"), "no key"),
        (lambda m: signed(m, "reject.test") + b"one more line\r\n", "more body"),
        (lambda m: b"Subject: another\r\n" + signed(m, "reject.test"), "a second Subject"),
        (lambda m: b"".join(b"DKIM-Signature: v=1; d=reject.test; s=s; x=%d\r\n" % n for n in range(10))
            + signed(m, "reject.test"), "ten others before"),
        (lambda m: b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=reject.test; s=s; h=from; bh=AA==; b=%d\r\n" % n
            for n in range(900)) + m, "nine hundred"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_a_signature_that_proves_nothing(internet: World, make, why: str) -> None:
    names = internet.names
    names.publish("huge._domainkey.reject.test", txt=[PAIR.record + "; n=" + "x" * 60_000])
    names.publish("many._domainkey.reject.test", txt=[f"v=DKIM1; p=AAAA{number}" for number in range(50)])
    names.publish("giant._domainkey.reject.test", txt=[f"v=DKIM1; p={'A' * 2800}"])
    sent = internet.send(make(letter(b"alice@reject.test")), "x@nowhere.test")
    assert (sent.code, sent.text[:6]) == (550, "5.7.26"), why
    assert sent.stored() is None
    assert not any(one.startswith("dkim=pass") for one in sent.record["results"])
    assert sum(one.startswith("dkim=") for one in sent.record["results"]) <= 10


@pytest.mark.parametrize("octets", [5_000, 30_000, 64_000])
def test_a_giant_key_record_is_no_key(internet: World, octets: int) -> None:
    """Of 64 KiB, by TCP: the signature is worth nothing for good, and nobody is told to come again."""
    internet.names.publish(f"k{octets}._domainkey.none.test", txt=[b"v=DKIM1; k=rsa; p=" + b"A" * octets])
    sent = internet.send(signed(letter(b"a@none.test"), "none.test", selector=f"k{octets}"), "x@nowhere.test")
    assert sent.code == 250
    assert any(one.startswith("dkim=permerror none.test") for one in sent.record["results"]), sent.record["results"]


def test_the_tenth_signature_still_counts(internet: World) -> None:
    nine = b"".join(b"DKIM-Signature: v=1; d=reject.test; s=s; x=%d\r\n" % number for number in range(9))
    sent = internet.send(nine + signed(letter(b"alice@reject.test"), "reject.test"), "x@nowhere.test")
    assert sent.code == 250


@pytest.mark.rfc(5321, "3.3", "SHOULD NOT")
def test_a_message_in_which_nobody_claims_to_be_anybody_is_let_in(internet: World) -> None:
    sent = internet.send(with_header(b""), "eve@nowhere.test")
    assert sent.code == 250
    mailbox, octets = sent.stored()
    assert (mailbox, str(display_in(octets))) == ("INBOX", "unverified")
    assert internet.send(with_header(b""), "alice@office.test").code == 550


# -- questions without end (threat D08)


@pytest.mark.parametrize("bomb", ["includes", "loop", "exchanges", "names", "void", "long"])
def test_a_lookup_bomb_is_a_permanent_error_of_its_own(internet: World, bomb: str) -> None:
    names, domain = internet.names, f"{bomb}-bomb.test"
    if bomb == "includes":
        names.publish(domain, txt=["v=spf1 " + " ".join(f"include:i{n}.{domain}" for n in range(12)) + " -all"])
        for n in range(12):
            names.publish(f"i{n}.{domain}", txt=["v=spf1 ip4:192.0.2.1 ?all"])
    elif bomb == "loop":
        names.publish(domain, txt=[f"v=spf1 include:{domain} -all"])
    elif bomb == "exchanges":
        names.publish(domain, txt=["v=spf1 mx -all"], mx=[f"{n} m{n}.{domain}." for n in range(40)])
    elif bomb == "names":
        terms = " ".join(f"mx:x{n}.{domain}" for n in range(10))
        names.publish(domain, txt=[f"v=spf1 {terms} -all"])
        for n in range(10):
            names.publish(f"x{n}.{domain}", mx=[f"{m} y{n}-{m}.{domain}." for m in range(10)])
            for m in range(10):
                names.publish(f"y{n}-{m}.{domain}", a=["192.0.2.7"])
    elif bomb == "void":
        names.publish(domain, txt=["v=spf1 " + " ".join(f"a:v{n}.{domain}" for n in range(9)) + " -all"])
    else:
        names.publish(domain, txt=["v=spf1 " + "ip4:192.0.2.1 " * 4000 + "-all"])
    before = len(names.asked)
    sent = internet.send(letter(b"eve@" + domain.encode()), f"eve@{domain}")
    record = sent.record
    (result,) = [one for one in record["results"] if one.startswith("spf=") and " mailfrom " in one]
    assert result.startswith(("spf=permerror", "spf=fail") if bomb == "long" else "spf=permerror"), record
    assert len([one for one in names.asked[before:] if one[0].endswith(domain)]) <= 60
    assert sent.code == 250


# -- the DNS does not answer: nobody is refused for good (threat R09)


@pytest.mark.parametrize(
    ("author", "mail_from"),
    [(b"a@dead.test", "a@dead.test"), (b"a@dead.test", "x@nowhere.test"), (b"a@sub.dead.test", "")],
)
def test_an_author_whose_policy_cannot_be_found_is_deferred(internet: World, author: bytes, mail_from: str) -> None:
    sent = internet.send(letter(author), mail_from)
    assert (sent.code, sent.text[:6]) == (451, "4.7.26")
    assert sent.record["verdict"] == "deferred"
    assert sent.stored() is None


def test_a_sender_without_dns_does_no_harm_to_an_author_who_has_proof(internet: World) -> None:
    assert internet.send(signed(letter(b"alice@reject.test"), "reject.test"), "x@dead.test").code == 250


def test_without_any_name_server_strangers_are_deferred(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with localserve(tmp_path, "--dns", f"127.0.0.1:{port}") as server:
        sent = World(server, NameServer()).send(letter(b"a@far.test"), "a@far.test")
        assert (sent.code, sent.text[:6]) == (451, "4.7.26")


def test_verification_may_be_off(tmp_path: Path) -> None:
    with NameServer().running() as names, world(tmp_path, names, NO_CHECK) as one:
        sent = one.send(letter(b"alice@office.test", FORGERIES[0]), "alice@office.test")
        assert sent.code == 250
        assert not any("_domainkey" not in name for name, _ in names.asked), (
            names.asked
        )  # keys of ours are looked after
        assert b"Authentication-Results" not in sent.stored()[1]


# -- rules of the office


def test_the_rules_of_the_office(internet: World) -> None:
    internet.names.publish("_dmarc.welcome.test", txt=["v=DMARC1; p=reject"])
    sent = internet.send(letter(b"a@welcome.test"), "x@nowhere.test")
    assert (sent.code, sent.record["override"]) == (250, "local_policy")
    refused = internet.send(letter(b"a@unwelcome.test"), "x@nowhere.test")
    assert (refused.code, refused.text[:5]) == (550, "5.7.1")


def test_a_fail_of_spf_alone_is_suspicious(internet: World) -> None:
    internet.names.publish("failing.test", txt=["v=spf1 -all"])
    sent = internet.send(letter(b"a@failing.test"), "a@failing.test")
    assert sent.code == 250
    assert sent.stored()[0] == "Junk"
    assert sent.record["action"] == "junk"


# -- one message, two readings (threat D02): who is judged is who is shown, or the message is refused

DOUBLE = {
    "two From fields": b"From: a@attack.test\r\nFrom: admin@legit.test\r\n",
    "two From fields, the other first": b"From: admin@legit.test\r\nFrom: a@attack.test\r\n",
    "a blank before the first": b" From: a@attack.test\r\nFrom: admin@legit.test\r\n",
    "a blank before the second": b"From: a@attack.test\r\n From: admin@legit.test\r\n",
    "a line that is none first": b"\tx\r\nFrom: a@attack.test\r\nFROM : admin@legit.test\r\n",
    "a blank before the colon": b"From : admin@legit.test\r\nFrom: a@attack.test\r\n",
    "folded before the colon": b"From\r\n : admin@legit.test\r\nFrom: a@attack.test\r\n",
    "folded behind the colon": b"From:\r\n admin@legit.test\r\nFrom: a@attack.test\r\n",
    "two addresses": b"From: a@attack.test, admin@legit.test\r\n",
    "two addresses, the other first": b"From: <admin@legit.test>, <a@attack.test>\r\n",
    "an address and an empty one": b"From: <admin@legit.test>, <>\r\n",
    "two in brackets": b"From: <a@attack.test><admin@legit.test>\r\n",
    "brackets in brackets": b"From: <a@attack.test<admin@legit.test>>\r\n",
    "a route": b"From: <@attack.test,@any.test:admin@legit.test>\r\n",
    "an address in a comment": b"From: <admin@legit.test>(<a@attack.test>)\r\n",
    "a comment around": b"From: (admin@legit.test) a@attack.test <admin@legit.test>\r\n",
    "an open comment": b"From: admin@legit.test (a@attack.test\r\n",
    "behind the brackets": b"From: <a@attack.test>admin@legit.test\r\n",
    "before the brackets": b"From: admin@legit.test <a@attack.test>\r\n",
    "an encoded address": b"From: =?utf-8?b?PGFkbWluQGxlZ2l0LnRlc3Q+?=, <a@attack.test>\r\n",
    "an encoded address alone": b"From: =?utf-8?q?=61dmin=40legit=2Etest?=\r\n",
    "an escaped comma": b"From: a@attack.test\\, admin@legit.test\r\n",
    "a quoted address": b'From: "admin@legit.test, x"@attack.test\r\n',
    "an open quote": b'From: "admin@legit.test <a@attack.test>\r\n',
    "a semicolon": b"From: admin@legit.test; a@attack.test\r\n",
    "a group": b"From: x: admin@legit.test, a@attack.test;\r\n",
    "an empty group": b"From: admin@legit.test:;\r\n",
    "percent": b"From: admin%legit.test@attack.test\r\n",
    "no address": b"From: Boss\r\n",
    "an empty From": b"From:\r\n",
    "no From": b"Sender: a@attack.test\r\nResent-From: admin@legit.test\r\n",
    "another field": b"From: a@attack.test\r\nSender: admin@legit.test\r\nResent-From: admin@legit.test\r\n",
    "a NUL": b"From: admin@legit.test\x00@attack.test\r\n",
    "a bare CR": b"From: a@attack.test\rFrom: admin@legit.test\r\n",
    "a bare LF": b"From: a@attack.test\nFrom: admin@legit.test\r\n",
    "a vertical tab": b"From: a@attack.test\x0bFrom: admin@legit.test\r\n",
    "no UTF-8": b"From: \xffadmin@legit.test\xff <a@attack.test>\r\n",
    "a field without a name": b": x\r\nFrom: a@attack.test\r\n: admin@legit.test\r\n",
    "an invisible mark": "From: admin@legit.test\u200b <a@attack.test>\r\n".encode(),
    "a wide at sign": "From: admin＠legit.test <a@attack.test>\r\n".encode(),  # noqa: RUF001 - that is the attack
}


@pytest.mark.parametrize("fields", DOUBLE.values(), ids=DOUBLE)
@pytest.mark.parametrize("is_signed", [False, True], ids=["", "signed"])
def test_what_is_judged_is_what_is_shown(internet: World, fields: bytes, *, is_signed: bool) -> None:
    """Ideas of the tool espoofer, cases of our own: each in MAIL FROM and signature of the attacker."""
    message = with_header(fields)
    sent = internet.send(signed(message, "attack.test") if is_signed else message, "a@attack.test")
    if sent.code != 250:
        assert sent.code == 550
        assert sent.stored() is None
        return
    mailbox, octets = sent.stored()
    shown = display_in(octets)
    assert "legit.test" not in str(shown)
    assert internet.envelope_from(sent.subject, mailbox).lower().endswith("@attack.test")


@pytest.mark.parametrize("mail_from", ["x@none.legit.test", "", "x@attack.test", "legit.test@attack.test"])
@pytest.mark.parametrize("helo", ["attack.test", "legit.test", "x.attack.test.legit.test", "[127.0.0.1]"])
def test_an_envelope_proves_nothing_about_another_author(internet: World, mail_from: str, helo: str) -> None:
    sent = internet.send(letter(b"admin@legit.test"), mail_from, helo=helo)
    assert (sent.code, sent.text[:6]) == (550, "5.7.26")
    assert sent.stored() is None


# -- forwarders (threat D06): a chain counts only when we trust who sealed it


@pytest.mark.parametrize(
    ("sealer", "result", "code"),
    [("list.test", "pass", 250), ("list.test", "fail", 550), ("other.test", "pass", 550), ("attack.test", "pass", 550)],
)
def test_only_a_trusted_forwarder_is_believed(internet: World, sealer: str, result: str, code: int) -> None:
    message = sealed(letter(b"alice@reject.test"), sealer, "reject.test", result=result)
    sent = internet.send(message, f"bounces@{sealer}")
    assert sent.code == code, sent.record
    assert any(one == "arc=pass" for one in sent.record["results"])
    if code == 250:
        assert sent.record["override"] == "trusted_forwarder"
        assert sent.record["display"] == "via list.test"
        assert str(display_in(sent.stored()[1])) == "via list.test"


def test_a_chain_over_another_body_is_not_believed(internet: World) -> None:
    message = sealed(letter(b"alice@reject.test"), "list.test", "reject.test").replace(b"Hello", b"Hullo")
    assert internet.send(message, "bounces@list.test").code == 550


# -- what readers are warned of (threat D10)


@pytest.mark.parametrize(
    ("author", "more", "flag"),
    [
        (b"Alice <alice@0ffice.test>", b"", "lookalike office.test"),
        ("alice@\u043effice.test".encode(), b"", "mixed-scripts"),
        (b'"boss@office.test" <eve@evil.test>', b"", "other-address"),
        ("Alice\u202e <eve@evil.test>".encode(), b"", "hidden-characters"),
        (b"eve@evil.test", b"Reply-To: other@elsewhere.test\r\n", "reply-elsewhere"),
    ],
)
def test_deceptions_are_flagged_where_readers_look(internet: World, author: bytes, more: bytes, flag: str) -> None:
    sent = internet.send(letter(author, more), "x@nowhere.test")
    assert sent.code == 250
    assert flag in sent.record["flags"]
    assert flag in display_in(sent.stored()[1]).warnings


def test_a_message_sent_again_and_again_to_whom_it_does_not_name_loses_its_word(internet: World) -> None:
    """Threat D05: a single signed message, replayed."""
    message = signed(with_header(b"From: alice@reject.test\r\n").replace(b"To: bob@", b"To: somebody@"), "reject.test")
    shown = [internet.send(message, "x@nowhere.test").record for _ in range(60)]
    assert [one["display"] for one in shown] == ["verified reject.test"] * 50 + ["unverified"] * 10
    assert [one.get("action") for one in shown[50:]] == ["junk"] * 10
    assert shown[50]["reasons"][0].startswith("sender.replay: ")


# -- whatever its size and however it comes


def test_a_large_signed_message_is_proven(internet: World) -> None:
    message = signed(letter(b"alice@reject.test") + b"a line of many\r\n" * 200_000, "reject.test")
    sent = internet.send(message, "x@nowhere.test")
    assert (sent.code, sent.record["display"]) == (250, "verified reject.test")
    assert sent.stored()[1].endswith(message)
    assert internet.send(message.replace(b"many\r\n", b"mani\r\n", 1), "x@nowhere.test").code == 550


def test_a_body_that_takes_too_much_to_check_proves_nothing_and_says_so(internet: World) -> None:
    """Threat D09: where SPF proves the author it is let in; it is never put off, for it would cost as much again."""
    message = signed(letter(b"alice@reject.test") + b"x  x\r\n" * 2**18, "reject.test")
    why = "too much white space in the body to check it"
    sent = internet.send(message, "alice@reject.test")
    assert sent.code == 250, sent.text
    assert f"dkim=policy reject.test {why}" in sent.record["results"]
    top = " ".join(sent.stored()[1].partition(b"\r\nReceived:")[0].decode().split())
    assert f'dkim=policy reason="{why}"' in top
    assert "dmarc=pass" in top
    refused = internet.send(message, "x@nowhere.test")
    assert (refused.code, refused.text[:6]) == (550, "5.7.26")
    assert f"dkim=policy reject.test {why}" in refused.record["results"]


@pytest.mark.parametrize("size", [40, 700, 100_000])
def test_chunks_are_looked_at_like_the_rest(internet: World, size: int) -> None:
    message = FORGERIES[0] + signed(letter(b"alice@reject.test"), "reject.test")
    with smtplib.SMTP("127.0.0.1", internet.server.port("smtp"), timeout=30) as client:
        client.ehlo("client.example")
        client.mail("x@nowhere.test")
        client.rcpt("bob@office.test")
        for at in range(0, len(message), size):
            piece = message[at : at + size]
            last = " LAST" if at + size >= len(message) else ""
            client.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
            code, text = client.getreply()
            assert code == 250, text
    subject = re.search(rb"case-[0-9a-f]+", message)[0].decode()
    mailbox, octets = Sent(internet, code, text.decode(), subject).stored()
    assert mailbox == "INBOX"
    assert octets.endswith(message.removeprefix(FORGERIES[0]))
    assert b"dkim=pass" in octets.partition(b"\r\nReceived:")[0]
