"""IMAP and POP3 as an attacker or a reader of the ledger speaks them."""

import re

from posthouse.drill.caller import Caller

LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")

NUMBERED = re.compile(rb"UID (\d+)[^\r\n]*BODY\[\] \{(\d+)\}\r\n")


class Imap(Caller):
    """Tags are ``a1``, ``a2``…; an answer is everything up to its tagged line, literals as they are."""

    tag = 0

    async def greet(self) -> bytes:
        return await self.line()

    async def do(self, command: bytes | str) -> bytes:
        self.tag += 1
        tag = b"a%d" % self.tag
        await self.say(tag, b" ", command.encode() if isinstance(command, str) else command, b"\r\n")
        return await self.answer(tag)

    async def answer(self, tag: bytes) -> bytes:
        lines = [await self.line()]
        while lines[-1] and not lines[-1].startswith((tag + b" ", b"* BYE")):
            if literal := LITERAL.search(lines[-1]):
                lines.append(await self.take(int(literal[1])))
            lines.append(await self.line())
        return b"".join(lines)

    async def login(self, address: str, password: str) -> bytes:
        return await self.do(f'LOGIN "{address}" "{password}"')

    async def fetch_all(self, mailbox: str = "INBOX") -> list[bytes]:
        """All messages of a mailbox."""
        await self.do(f'EXAMINE "{mailbox}"')
        return literals(await self.do("UID FETCH 1:* (BODY.PEEK[])"))

    async def fetch_numbered(self, mailbox: str = "INBOX") -> list[tuple[int, bytes]]:
        """The same with their UIDs."""
        await self.do(f'EXAMINE "{mailbox}"')
        answer = await self.do("UID FETCH 1:* (UID BODY.PEEK[])")
        found = []
        while literal := NUMBERED.search(answer):
            end = literal.end() + int(literal[2])
            found.append((int(literal[1]), answer[literal.end() : end]))
            answer = answer[end:]
        return found

    async def empty(self, mailbox: str = "INBOX", uids: str = "1:*") -> None:
        await self.do(f'SELECT "{mailbox}"')
        await self.do(f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)")
        await self.do("EXPUNGE")

    async def append(self, mailbox: str, message: bytes) -> bytes:
        return await self.do(b'APPEND "%s" {%d+}\r\n%s' % (mailbox.encode(), len(message), message))


def literals(answer: bytes) -> list[bytes]:
    """The literals of an answer to FETCH BODY[]."""
    found = []
    while literal := re.search(rb"BODY\[[^\]]*\] \{(\d+)\}\r\n", answer):
        end = literal.end() + int(literal[1])
        found.append(answer[literal.end() : end])
        answer = answer[end:]
    return found


class Pop3(Caller):
    """One line, one answer; ``whole`` for those of many lines."""

    async def greet(self) -> bytes:
        return await self.line()

    async def ask(self, *octets: bytes) -> bytes:
        await self.say(*octets, b"\r\n")
        return await self.line()

    async def whole(self, *octets: bytes) -> bytes:
        """An answer that ends with a dot."""
        lines = [await self.ask(*octets)]
        while lines[-1].startswith(b"-ERR") is False and lines[-1] not in {b".\r\n", b""}:
            lines.append(await self.line())
        return b"".join(lines)

    async def login(self, address: str, password: str) -> bytes:
        await self.ask(b"USER ", address.encode())
        return await self.ask(b"PASS ", password.encode())
