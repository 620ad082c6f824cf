"""Names of files: what they say they are, and what they hide."""

import pytest

from posthouse.filter.content.finding import Findings, Kind, quoted
from posthouse.filter.content.names import judge_name, leaves_directory


def kinds(name: str) -> set[Kind]:
    found = Findings({})
    judge_name(name, found)
    return {one.kind for one in found.all}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", set()),
        ("report.v1.2.final.docx", set()),
        ("README", set()),
        ("", set()),
        ("\u200fملف.pdf", set()),
        ("setup.exe", {Kind.EXECUTABLE}),
        ("SETUP.EXE", {Kind.EXECUTABLE}),
        ("setup.exe. .", {Kind.EXECUTABLE}),
        ("../../setup.exe", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("../../notes.txt", {Kind.DISGUISE}),
        ("..\\notes.txt", {Kind.DISGUISE}),
        ("a/../../notes.txt", {Kind.DISGUISE}),
        ("C:\\Users\\me\\notes.txt", set()),
        ("/home/me/notes.txt", set()),
        ("notes..txt", set()),
        ("C:\\x\\run.lnk", {Kind.EXECUTABLE}),
        ("run.js", {Kind.SCRIPT}),
        ("budget.xlsm", {Kind.MACRO}),
        ("invoice.pdf.exe", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("invoice.pdf         .exe", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("invoice______________.scr", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("invoice\u202efdp.exe", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("invoice\u202excod.pdf", {Kind.DISGUISE}),
        ("setup.e\u200bxe", {Kind.EXECUTABLE, Kind.DISGUISE}),
        ("setup\uff0eexe", {Kind.EXECUTABLE}),
        ("setup.exe\x00.txt", {Kind.EXECUTABLE, Kind.DISGUISE, Kind.NAME}),
        ("notes.txt:setup.exe", {Kind.EXECUTABLE, Kind.NAME}),
        ("setup.exe::$DATA", {Kind.EXECUTABLE, Kind.NAME}),
        ("a\r\nb.txt", {Kind.NAME}),
        ("x" * 300 + ".txt", {Kind.NAME}),
    ],
)
def test_what_a_name_says(name: str, expected: set[Kind]) -> None:
    assert kinds(name) == expected


def test_a_name_may_be_as_long_as_anybody_likes() -> None:
    assert kinds("_" * 200_000 + "x.exe") == {Kind.EXECUTABLE, Kind.NAME}  # ten minutes, once


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..\\x", "C:\\x", ".."])
def test_a_name_that_leaves_its_directory(name: str) -> None:
    assert leaves_directory(name)


@pytest.mark.parametrize("name", ["a/b", "a..b", "./x", "a/..b", "...", ""])
def test_a_name_that_stays_in_it(name: str) -> None:
    assert not leaves_directory(name)


def test_a_name_is_shown_on_one_line_and_never_whole_when_it_is_long() -> None:
    assert quoted("a\nb\u202e") == '"a\ufffdb\ufffd"'
    assert len(quoted("x" * 10_000)) < 100
