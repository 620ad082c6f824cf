"""Passwords from a prompt, a file or standard input; never from the command line, where everybody can read them."""

import sys
from pathlib import Path

import click

from posthouse.cli.asking import Failure

MAX_OCTETS = 4096


def read_password(*, ask: bool, file: Path | None, stdin: bool = False) -> str | None:
    """The password, or None when one is to be made."""
    if ask + stdin + (file is not None) > 1:
        raise click.UsageError("--ask, --password-file or --password-stdin: one of them")
    if ask:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    if stdin or (file is not None and str(file) == "-"):
        return _first_line(sys.stdin.buffer.readline(MAX_OCTETS))
    return _first_line(_read(file)) if file is not None else None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.readline(MAX_OCTETS)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None


def _first_line(octets: bytes) -> str:
    try:
        password = octets.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Failure("the password is not UTF-8") from None
    if not password:
        raise Failure("the password is empty")
    return password
