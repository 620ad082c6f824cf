"""TLS: contexts, and the tunnel that a session or a stream puts between its socket and its core.

The tunnel works on octets alone (``ssl.MemoryBIO``). So the moment of an
upgrade is ours: nothing that arrived before it can be taken for something
that came inside (CVE-2011-0411, CVE-2021-33515; RFC 3207 section 4.2), on
every Python and every event loop, and an idle connection holds no buffers.
"""

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path

from posthouse.lib.sansio import Channel

HANDSHAKE_SECONDS = 10.0
"""T06: a handshake that takes longer is given up."""

MAX_RECORD = 16384
"""RFC 8446 section 5.1."""

FEED = 4 * MAX_RECORD
"""How much ciphertext OpenSSL is given at once; its buffers never shrink again."""

FOREIGN_ALPN = ("h2", "http/1.1", "http/1.0", "ftp", "xmpp-client", "xmpp-server")
"""We never speak these where mail is spoken. OpenSSL tells a server only what it chose, so the contexts offer
them last, and a connection that ends up with one is hung up on (ALPACA; RFC 9325 section 3.7)."""


class ForeignProtocol(ssl.SSLError):
    """The client negotiated a protocol that is not spoken here."""


def server_context(certificate: Path, key: Path, *, alpn: Sequence[str] = ()) -> ssl.SSLContext:
    """A server's context: TLS 1.2 or newer (RFC 9325 section 3.1.1), our order of ciphers, no renegotiation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM")  # RFC 9325 section 4.2: forward secrecy, AEAD
    context.set_alpn_protocols([*alpn, *(name for name in FOREIGN_ALPN if name not in alpn)])
    context.load_cert_chain(certificate, key)
    return context


def client_context(*, verify: bool, ca_file: Path | None = None) -> ssl.SSLContext:
    """A client's context. Without ``verify`` it is opportunistic: any certificate is better than clear text."""
    if verify:
        context = ssl.create_default_context(cafile=ca_file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Certificates:
    """The contexts of one listener: the default one, and others by the name a client asks for.

    Reload by making a new one and replacing it: connections that exist keep what they have.
    The table of names is fixed when it is made, so that random names cost nothing (CVE-2017-15130).
    """

    __slots__ = ("_binding", "_by_name", "_context")

    def __init__(
        self,
        default: tuple[Path, Path],
        by_name: dict[str, tuple[Path, Path]] | None = None,
        *,
        alpn: Sequence[str] = (),
    ) -> None:
        self._context = server_context(*default, alpn=alpn)
        self._binding = {self._context: end_point_binding(default[0])}
        self._by_name: dict[str, ssl.SSLContext] = {}
        for name, files in (by_name or {}).items():
            context = server_context(*files, alpn=alpn)
            self._by_name[name.lower()] = context
            self._binding[context] = end_point_binding(files[0])
        if self._by_name:
            self._context.sni_callback = self._choose

    def _choose(self, wire: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        chosen = self._by_name.get((name or "").lower())
        if chosen is not None:
            wire.context = chosen

    def tunnel(self) -> "Tunnel":
        """The server's end of a new connection."""
        return Tunnel(self._context, server_side=True, bindings=self._binding)


def end_point_binding(certificate: Path) -> bytes:
    """``tls-server-end-point`` of the first certificate in a PEM file (RFC 5929 section 4.1)."""
    text = certificate.read_text("ascii", "replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in text:
        return b""
    der = ssl.PEM_cert_to_DER_cert(begin + text.split(begin, 1)[1].split(end, 1)[0] + end)
    return hashlib.new(_signature_hash(der), der).digest()


def _signature_hash(der: bytes) -> str:
    """The hash of the certificate's signature algorithm, SHA-256 for the weak and the unknown ones."""
    for oid, name in (
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "sha384"),
        (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "sha512"),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", "sha384"),
        (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "sha512"),
    ):
        if oid in der[-1024:] or oid in der[:128]:
            return name
    return "sha256"


class Tunnel:
    """One end of TLS without a socket: octets in, octets out."""

    __slots__ = ("_bindings", "_in", "_out", "_tls", "channel", "ended")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
        bindings: dict[ssl.SSLContext, bytes] | None = None,
    ) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=server_side, server_hostname=server_name)
        self._bindings = bindings or {}
        self.channel: Channel | None = None
        """None until the handshake is done."""
        self.ended = False
        """The peer said that no more will come (close_notify)."""

    def receive(self, octets: bytes) -> bytes:
        """What ``octets`` from the network say inside. Raises ``ssl.SSLError``."""
        if len(octets) <= FEED:
            return self._receive(octets)
        view = memoryview(octets)
        return b"".join([self._receive(view[at : at + FEED]) for at in range(0, len(view), FEED)])

    def _receive(self, octets: bytes | memoryview) -> bytes:
        self._in.write(octets)
        if self.channel is None and not self._shake_hands():
            return b""
        plain: list[bytes] = []
        try:
            while self._in.pending or self._tls.pending():
                piece = self._tls.read(MAX_RECORD)
                if not piece:
                    self.ended = True
                    break
                plain.append(piece)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.ended = True
        return plain[0] if len(plain) == 1 else b"".join(plain)

    def begin(self) -> None:
        """As a client: say the first word."""
        self._shake_hands()

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        alpn = self._tls.selected_alpn_protocol()
        if alpn in FOREIGN_ALPN and self._tls.server_side:
            raise ForeignProtocol(f"the client speaks {alpn}")
        cipher = self._tls.cipher() or ("", "", 0)
        binding = self._bindings.get(self._tls.context, b"") if self._tls.server_side else self._peer_binding()
        self.channel = Channel(
            self._tls.version() or "", cipher[0], cipher[2], self._tls.server_hostname, alpn, binding
        )
        return True

    def _peer_binding(self) -> bytes:
        der = self._tls.getpeercert(binary_form=True)
        return hashlib.new(_signature_hash(der), der).digest() if der else b""

    def wrap(self, octets: bytes) -> bytes:
        """What the network must carry for ``octets`` to come out at the other end."""
        if len(octets) <= FEED:
            self._tls.write(octets)
            return self._out.read()
        view = memoryview(octets)
        wrapped: list[bytes] = []
        for at in range(0, len(view), FEED):
            self._tls.write(view[at : at + FEED])
            wrapped.append(self._out.read())
        return b"".join(wrapped)

    def end(self) -> None:
        """Say that no more will come, without waiting for the echo (RFC 8446 section 6.1)."""
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            return

    def outgoing(self) -> bytes:
        """What must go to the network now."""
        return self._out.read() if self._out.pending else b""
