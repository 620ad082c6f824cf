"""SMTP as an attacker speaks it: a reply is read, nothing else is promised."""

import base64

from posthouse.drill.caller import Caller


class Smtp(Caller):
    """A caller who knows what a reply is."""

    async def reply(self) -> bytes:
        """A reply of any number of lines; empty when the connection is over."""
        lines = [await self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(await self.line())
        return b"".join(lines)

    async def ask(self, *octets: bytes) -> bytes:
        await self.say(*octets)
        return await self.reply()

    async def greet(self, hello: bytes = b"EHLO drill.test\r\n", *, starttls: bool = False) -> bytes:
        """Through the greeting and the hello; the last reply."""
        reply = await self.reply()
        if not reply.startswith(b"220"):
            return reply
        if starttls:
            await self.ask(hello)
            if not (reply := await self.ask(b"STARTTLS\r\n")).startswith(b"220"):
                return reply
            await self.shake_hands()
        return await self.ask(hello)

    async def login(self, address: str, password: str) -> bytes:
        secret = base64.b64encode(f"\0{address}\0{password}".encode())
        return await self.ask(b"AUTH PLAIN ", secret, b"\r\n")

    async def envelope(self, sender: bytes, *recipients: bytes, parameters: bytes = b"") -> bytes:
        """MAIL and RCPTs: the first refusal, or the last reply."""
        reply = await self.ask(b"MAIL FROM:<", sender, b">", parameters, b"\r\n")
        for recipient in recipients if reply[:1] == b"2" else ():
            reply = await self.ask(b"RCPT TO:<", recipient, b">\r\n")
            if reply[:1] != b"2":
                break
        return reply

    async def send(self, sender: bytes, recipients: list[bytes], content: bytes) -> bytes:
        """One message, dots as they are; the reply that decided its fate."""
        reply = await self.envelope(sender, *recipients)
        if reply[:1] != b"2" or (reply := await self.ask(b"DATA\r\n"))[:1] != b"3":
            await self.ask(b"RSET\r\n")
            return reply
        return await self.ask(content, b"" if content.endswith(b"\r\n") else b"\r\n", b".\r\n")


def letter(
    subject: str, *, sender: str = "a@else.test", to: str = "alice@office.test", body: bytes = b"Hello.\r\n"
) -> bytes:
    """A message that nobody could object to."""
    header = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
    return f"{header}Message-ID: <{subject.replace(' ', '.')}@drill.test>\r\n".encode() + b"\r\n" + body
