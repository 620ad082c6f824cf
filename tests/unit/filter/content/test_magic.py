"""What octets are, whatever they are called."""

import pytest

from posthouse.filter.content.magic import Family, recognise, recognise_script


@pytest.mark.parametrize(
    ("octets", "family"),
    [
        (b"MZ" + bytes(62), Family.EXECUTABLE),
        (b"\x7fELF\x02", Family.EXECUTABLE),
        (b"\xcf\xfa\xed\xfe", Family.EXECUTABLE),
        (b"\xca\xfe\xba\xbe", Family.EXECUTABLE),
        (b"L\x00\x00\x00\x01\x14\x02\x00", Family.EXECUTABLE),
        (b"ITSF\x03\x00\x00\x00", Family.EXECUTABLE),
        (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), Family.EXECUTABLE),
        (bytes(0x8001) + b"CD001", Family.EXECUTABLE),
        (b"conectix" + bytes(504), Family.EXECUTABLE),
        (b"\xeb\x3c\x90" + bytes(51) + b"FAT12" + bytes(451) + b"\x55\xaa", Family.EXECUTABLE),
        (b"#!/bin/sh", Family.SCRIPT),
        (b"[InternetShortcut]\r\nURL=x", Family.SCRIPT),
        (b"PK\x03\x04", Family.ARCHIVE),
        (bytes(257) + b"ustar", Family.ARCHIVE),
        (b"\x2a\x1b-lh5-x", Family.ARCHIVE),
        (b"Rar!\x1a\x07\x00", Family.ARCHIVE),
        (bytes.fromhex("d0cf11e0a1b11ae1"), Family.COMPOUND),
        (b"%PDF-1.7", Family.DOCUMENT),
        (b"\xff\xd8\xff\xe0", Family.MEDIA),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00", Family.MEDIA),
        (b"  \r\n<!DOCTYPE HTML>", Family.MARKUP),
        (b"\xef\xbb\xbf<html>", Family.MARKUP),
    ],
)
def test_a_mark_is_known(octets: bytes, family: Family) -> None:
    nature = recognise(octets)
    assert nature is not None
    assert nature.family is family


@pytest.mark.parametrize(
    "octets",
    [b"", b"M", b"MZ is a region of my text, and the text goes on for quite a while without any control characters.",
     b"BM stands for Bench Mark and nothing else", b"CWS Ltd.\r\n", b"hello", b"Dear Sir", b"dex\nter", b"a -lh", b"a -lh8- b",
     b"a -lh5 b", bytes(100)],
)  # fmt: skip
def test_a_text_that_begins_like_one_is_none(octets: bytes) -> None:
    assert recognise(octets) is None


@pytest.mark.parametrize(
    "octets",
    [b"@echo off\r\n", b"<job id=x><script>", b"var a = new ActiveXObject('x')", b'Set o = CreateObject("WScript.Shell")',
     b"powershell -enc AAAA", b"IEX (New-Object Net.WebClient)", "\ufeff@ECHO OFF".encode("utf-16-le")],
)  # fmt: skip
def test_a_script_is_known_by_what_it_says(octets: bytes) -> None:
    assert recognise_script(octets)


@pytest.mark.parametrize("octets", [b"Dear Bob,\r\nthe echo is off.", b"a;b\r\n1;2", b"\x00@echo off", b""])
def test_a_text_is_no_script(octets: bytes) -> None:
    assert not recognise_script(octets)
