"""A certificate and the throw-away authority that issues it. Slow to load: for ``authority`` alone, once in a year."""

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "Posthouse throw-away authority"


@dataclass(frozen=True, slots=True)
class Issued:
    """All in PEM; ``key`` is that of the certificate."""

    authority: bytes
    certificate: bytes
    key: bytes


def issue(names: tuple[str, ...], addresses: tuple[str, ...], days: int) -> Issued:
    """The key of the authority is thrown away at once: nobody can ever make another certificate with it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    return Issued(
        _certify_authority(ca_key, days).public_bytes(Encoding.PEM),
        _certify_server(key.public_key(), ca_key, names, addresses, days).public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _certify_authority(key: ec.EllipticCurvePrivateKey, days: int) -> x509.Certificate:
    """By itself, for nothing but certificates of servers."""
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _blank(AUTHORITY, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certify_server(
    key: ec.EllipticCurvePublicKey,
    ca_key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    days: int,
) -> x509.Certificate:
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return (
        _blank(names[0], key, days)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _blank(name: str, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    """What both have in common: issued by the authority, good from yesterday on."""
    issuer, subject = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (AUTHORITY, name))
    now = dt.datetime.now(dt.UTC)
    begin, until = now - dt.timedelta(days=1), now + dt.timedelta(days=days)
    return x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begin, until)
