"""Whatever carries a file, the file is seen; and what is only odd is let in."""

import base64
import gzip
import io
import itertools
import tarfile
from collections.abc import Iterator

import pytest

from posthouse.filter.action import Action, strongest
from posthouse.filter.content.finding import Findings, Kind
from posthouse.filter.content.looking import look
from posthouse.filter.content.policy import Policy
from posthouse.filter.content.unpacking import Bounds
from posthouse.testing.carriers import (
    HEAD,
    TEST_FILE,
    compound,
    containers,
    lines,
    message,
    mixed,
    quoted,
    rar5,
    tarred,
    tnef,
    with_password,
    wrappers,
    zipped,
)

CONTAINERS = containers()
WRAPPERS = dict(wrappers())
PROGRAM = b"MZ\x90\x00\x03\x00" + bytes(54) + b"\x80\x00\x00\x00" + bytes(64) + b"PE\x00\x00"


def seen(octets: bytes) -> Findings:
    return look(octets, bounds=Bounds())


def action_of(octets: bytes) -> Action:
    clues = Policy().weigh(list(seen(octets).all))
    by_score = Action.JUNK if sum(clue.score for clue in clues) >= 5 else Action.ACCEPT
    return strongest([by_score, *(clue.action for clue in clues)])


def test_there_are_enough_ways() -> None:
    assert len(CONTAINERS) >= 30
    assert len(WRAPPERS) >= 100


@pytest.mark.parametrize("way", CONTAINERS)
def test_the_test_string_is_held_in_every_container(way: str) -> None:
    assert seen(CONTAINERS[way]).has(Kind.TEST_VIRUS)
    assert action_of(CONTAINERS[way]) is Action.QUARANTINE


@pytest.mark.parametrize("way", containers(b"nothing of interest" * 5))
def test_the_same_container_without_it_is_not_said_to_have_it(way: str) -> None:
    assert not seen(containers(b"nothing of interest" * 5)[way]).has(Kind.TEST_VIRUS)


@pytest.mark.parametrize("way", WRAPPERS)
def test_every_reading_of_an_ambiguous_message_is_looked_at(way: str) -> None:
    assert seen(WRAPPERS[way]).has(Kind.TEST_VIRUS)


def test_an_ambiguous_message_with_a_program_in_it_is_held_whatever_is_allowed() -> None:
    found = seen(dict(wrappers(PROGRAM))["two boundaries, twice"])
    clues = Policy(dict.fromkeys(Kind, Action.ACCEPT)).weigh(list(found.all))
    assert [clue.name for clue in clues if clue.action is Action.QUARANTINE] == ["content.hidden"]


@pytest.mark.parametrize(
    ("octets", "name", "kind"),
    [
        (PROGRAM, "holiday.jpg", Kind.EXECUTABLE),
        (PROGRAM, "holiday.jpg", Kind.DISGUISE),
        (b"\x7fELF" + bytes(60), "notes", Kind.EXECUTABLE),
        (b"#!/bin/sh\necho\n", "notes.txt", Kind.SCRIPT),
        (b"var x = new ActiveXObject('WScript.Shell');", "notes.txt", Kind.SCRIPT),
        (b"alert(1)", "invoice.js", Kind.SCRIPT),
        (zipped({"run.vbs": b"x"}), "a.zip", Kind.SCRIPT),
        (gzip.compress(PROGRAM, mtime=0), "a.gz", Kind.EXECUTABLE),
        (gzip.compress(b"x", mtime=0), "invoice.exe.gz", Kind.EXECUTABLE),
        (zipped({"META-INF/MANIFEST.MF": b"", "A.class": b"\xca\xfe\xba\xbe"}), "tool.dat", Kind.EXECUTABLE),
        (zipped({"../../etc/cron.d/x": b"x"}), "a.zip", Kind.DISGUISE),
        (tarred({"/etc/passwd": b"x"}), "a.tar", Kind.DISGUISE),
        (with_password(zipped({"a.txt": b"x"})), "a.zip", Kind.ENCRYPTED),
        (rar5({"a.txt": b"x"}, encrypted=True), "a.rar", Kind.ENCRYPTED),
        (compound({"EncryptedPackage": b"x"}), "a.docx", Kind.ENCRYPTED),
        (compound({"_VBA_PROJECT": b"", "WordDocument": b""}), "a.doc", Kind.MACRO),
        (zipped({"[Content_Types].xml": b"", "word/vbaProject.bin": b"x"}), "a.docx", Kind.MACRO),
        (zipped({"[Content_Types].xml": b"application/vnd.ms-office.vbaProject"}), "a.docx", Kind.MACRO),
        (zipped({"xl/macrosheets/sheet1.xml": b"x"}), "a.xlsx", Kind.MACRO),
        (compound({}, bytes.fromhex("84100c0000000000c000000000000046")), "setup.dat", Kind.EXECUTABLE),
        (tnef({"run.exe": b"x"}), "winmail.dat", Kind.EXECUTABLE),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "a.zst", Kind.OPAQUE),
        (b"PK\x03\x04 and no more", "a.zip", Kind.UNSCANNABLE),
        (b"<html><script>x=atob('A');new Blob([x])</script>", "a.html", Kind.SMUGGLING),
        (b"%PDF-1.7 /Launch", "a.pdf", Kind.ACTIVE),
        (b"%PDF-1.7 /La#75nch", "a.pdf", Kind.ACTIVE),
        (zipped({"a.txt": b"x"}), "a.pdf", Kind.MISMATCH),
    ],
)
def test_what_a_file_is_decides_and_not_its_name(octets: bytes, name: str, kind: Kind) -> None:
    assert seen(message(octets, name)).has(kind)


def test_templates_from_elsewhere_are_seen() -> None:
    rels = (
        b'<Relationship Id="1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        b'attachedTemplate" Target="http://evil.test/t.dotm" TargetMode="External"/>'
    )
    package = zipped({"[Content_Types].xml": b"", "word/_rels/settings.xml.rels": rels})
    assert seen(message(package, "a.docx")).has(Kind.REMOTE)
    for spelled in (
        rels.replace(b"<Relationship ", b"<x:Relationship "),
        rels.replace(b"<Relationship ", b'<Relationship Id="a>b" '),
    ):
        assert seen(message(zipped({"word/_rels/settings.xml.rels": spelled}), "a.docx")).has(Kind.REMOTE)
    harmless = rels.replace(b"attachedTemplate", b"hyperlink")
    assert not seen(message(zipped({"word/_rels/settings.xml.rels": harmless}), "a.docx")).has(Kind.REMOTE)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_pieces_of_a_message_are_held(number: int) -> None:
    kind = b"message/partial; id=a; number=%d; total=3" % number
    octets = HEAD + b"MIME-Version: 1.0\r\nContent-Type: " + kind + b"\r\n\r\n" + TEST_FILE[25 * number - 25 :][:25]
    assert seen(octets).has(Kind.PARTIAL)
    assert action_of(octets) is Action.QUARANTINE


def test_a_content_that_is_elsewhere_is_only_told() -> None:
    octets = HEAD + b"MIME-Version: 1.0\r\nContent-Type: message/external-body; access-type=anon-ftp\r\n\r\nx"
    assert seen(octets).has(Kind.ACTIVE)
    assert action_of(octets) is Action.ACCEPT


def test_without_a_worker_archives_stay_closed_and_that_is_said() -> None:
    found = look(message(zipped({"a.exe": PROGRAM}), "a.zip"), bounds=None)
    assert found.needs_worker
    assert not found.has(Kind.EXECUTABLE)


def test_a_message_of_very_many_parts_is_a_workers_too() -> None:
    octets = HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 200
    assert look(octets, bounds=None).needs_worker
    assert not seen(octets).needs_worker


def test_a_directory_may_be_called_like_a_program() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        entry = tarfile.TarInfo("example.com")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    assert not seen(message(target.getvalue(), "site.tgz")).all
    assert not seen(message(zipped({"example.com/": b"", "example.com/index.txt": b"x"}), "site.zip")).all


def test_findings_are_few_however_much_is_found() -> None:
    archive = zipped({f"{number}.exe": b"MZ" for number in range(900)})
    assert len(seen(message(archive, "a.zip")).all) <= 50


# -- what is only odd

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
PKCS7 = bytes.fromhex("3082010a0282010100") + bytes(range(200))
DOCX = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>" * 50})

HEADERS = {
    "usual": b"MIME-Version: 1.0\r\n",
    "no version": b"",
    "odd version": b"MIME-Version: 1.0 (produced by a program)\r\n",
    "folded": b"MIME-Version:\r\n 1.0\r\nReferences: <a@b.test>\r\n\t<c@d.test>\r\n <e@f.test>\r\n",
    "mailing list": b"MIME-Version: 1.0\r\nList-Id: <x.far.test>\r\nPrecedence: list\r\nX-Loop: x\r\n",
}
BODIES: dict[str, bytes] = {
    "no label": b"\r\nhello\r\n",
    "signature": b"\r\nhello\r\n\r\n-- \r\nAlice: head of everything\r\n--\r\n",
    "begin": b"\r\nWe meet.\r\nbegin 2027 with a plan\r\n\r\nbegin 100 things at once\r\nM\r\nend of story\r\n",
    "quoted mail": b"\r\n-----Original Message-----\r\nFrom: Bob\r\nSubject: x\r\n\r\nhello\r\n",
    "dashes": b"\r\n" + b"--------------------\r\n" * 5 + b"Total: 12\r\n--- Content of the box: ---\r\n",
    "comment": b"Content-Type: text/plain (a text); charset=utf-8\r\n\r\nhello\r\n",
    "no charset": b"Content-Type: text\r\n\r\nhello\r\n",
    "upper case": b"CONTENT-TYPE: TEXT/PLAIN; CHARSET=US-ASCII\r\nCONTENT-TRANSFER-ENCODING: 7BIT\r\n\r\nhello\r\n",
    "quoted-printable": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nf=C3=BCr=\r\n\r\n",
    "base64": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines("für dich".encode()),
    "8bit": "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nfür\r\n".encode(),
    "long line": b"\r\n" + b"word " * 2000 + b"\r\n",
    "html": b"Content-Type: text/html\r\n\r\n<p>See <a href='https://far.test/x?y'>far.test</a> or <a href=https://www.far.test/>our page</a>\r\n",
    "html mail": b"Content-Type: text/html\r\n\r\n<a href='mailto:a@far.test'>a@far.test</a><a href='tel:1'>call</a>\r\n",
    "alternative": b"Content-Type: multipart/alternative; boundary=x\r\n\r\npreamble\r\n--x\r\n\r\nhello\r\n--x\r\n"
    b"Content-Type: text/html\r\n\r\n<b>hello</b>\r\n--x--\r\nepilogue\r\n",
    "nested": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=xx\r\n\r\n"
    b"--xx\r\n\r\nhello\r\n--xx--\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nlist footer\r\n--x--\r\n",
    "no end": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n",
    "picture": b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines(PNG),
    "picture, one line": b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(PNG),
    "pdf": b"Content-Type: application/pdf; name*=utf-8''%C3%BCber.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\n" + lines(PDF),
    "pdf in qp": b"Content-Type: application/octet-stream; name=a.pdf\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted(PDF),
    "encoded name": b'Content-Type: application/pdf; name="=?utf-8?q?r=C3=A9sum=C3=A9=2Epdf?="\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + lines(PDF),
    "name in two": b"Content-Type: application/pdf;\r\n\tname*0=a-long-; name*1=name.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines(PDF),
    "docx": b'Content-Type: application/octet-stream; name="Offer v1.2 final.docx"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + lines(DOCX),
    "zip": b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + lines(zipped({"a/": b"", "a/b.csv": b"1;2\n" * 99, "a/\u00fc.txt": b"x", "a/c.png": PNG})),
    "tgz": b"Content-Type: application/gzip; name=a.tgz\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + lines(tarred({"a/b.c": b"int main;\n", "a/README": b"read"}, "w:gz")),
    "signed": b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=x\r\n\r\n'
    b"--x\r\n\r\nhello\r\n--x\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + lines(PKCS7) + b"--x--\r\n",
    "pgp": b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhello\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\n" + lines(PKCS7)
    + b"-----END PGP SIGNATURE-----\r\n",
    "report": b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nsorry\r\n--x\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.test\r\n\r\nAction: failed\r\n--x\r\n"
    b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.test\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--\r\n",
    "bounce with source": b"\r\nThis is a copy of the message:\r\n\r\nFrom: a@b.test\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n"
    b"Content-Type: text/plain\r\n\r\nhello\r\n--y--\r\n",
    "invitation": b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    "digest": b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nFrom: a@b.test\r\n\r\none\r\n--x\r\n\r\nFrom: a@b.test\r\n\r\ntwo\r\n--x--\r\n",
    "winmail": b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines(tnef({"a.pdf": PDF})),
    "csv": b"Content-Type: text/csv; name=figures.csv\r\nContent-Disposition: attachment; filename=figures.csv\r\n\r\na;b\r\n1;2\r\n",
    "old word": b"Content-Type: application/msword; name=a.doc\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines(compound({"WordDocument": bytes(4096)})),
    "source code": b"Content-Type: text/x-csrc; name=main.c\r\nContent-Disposition: inline; filename=main.c\r\n\r\nint main(void) { return 0; }\r\n",
    "patch": b"\r\n---\r\n a.c | 2 +-\r\n\r\ndiff --git a/a.c b/a.c\r\n--- a/a.c\r\n+++ b/a.c\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n--\r\n2.39\r\n",
    "arabic name": 'Content-Type: application/pdf; name="\u200fملف\u200f.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode() + lines(PDF),
    "two dots": b'Content-Type: application/pdf; name="Minutes 21.11.2026.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + lines(PDF),
    "shell talk": b"\r\n#!/bin/sh is the first line.\r\nType powershell -Command x, or @echo off.\r\n",
}  # fmt: skip


def odd_mails() -> Iterator[tuple[str, bytes]]:
    for (one, fields), (other, rest) in itertools.product(HEADERS.items(), BODIES.items()):
        yield f"{other}, {one}", HEAD + fields + rest


def test_what_is_only_odd_is_let_in() -> None:
    mails = dict(odd_mails())
    assert len(mails) >= 200
    wrong = {
        name: [one.text for one in seen(octets).all]
        for name, octets in mails.items()
        if action_of(octets) is not Action.ACCEPT
    }
    assert len(wrong) <= len(mails) // 100, wrong


def test_a_file_in_qp_lines_is_decoded_as_readers_do() -> None:
    assert seen(mixed(b"Content-Transfer-Encoding: quoted-printable\r\n", quoted(TEST_FILE))).has(Kind.TEST_VIRUS)


def again_and_again(times: int) -> bytes:
    """Every level is base64 that readers end in three places, in a part that may or may not be one."""
    octets = b"Content-Type: text/plain\r\n\r\nhello\r\n"
    for _ in range(times):
        octets += b"\n" * ((1 - len(octets)) % 3)
        coded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        head = b"Content-Type: text/x-a\r\nContent-Transfer-Encoding: x-base64\r\n"
        marked = b"\r\n--x\r\n" + head + b"X: "
        marked += b"A" * (-sum(one in ALPHABET for one in marked) % 4)
        octets = head + b"\r\n" + marked + b"\r\n\r\n" + coded + b"QUJDREVG\r\n"
    return b"From: a@remote.test\r\n" + octets


ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def test_what_is_encoded_again_and_again_is_not_looked_into_on_the_spot() -> None:
    assert not look(again_and_again(1), bounds=None).needs_worker
    assert look(again_and_again(4), bounds=None).needs_worker


def test_a_worker_gives_up_on_it_too() -> None:
    assert not seen(again_and_again(2)).has(Kind.UNSCANNABLE)
    assert seen(again_and_again(8)).has(Kind.UNSCANNABLE)
