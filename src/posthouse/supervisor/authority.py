"""A throw-away certificate authority, so that ``localserve`` can be tried with TLS from the first minute."""

import datetime as dt
import ipaddress
from pathlib import Path

from posthouse.supervisor.files import write_whole

VALID_DAYS = 365
RENEW_DAYS = 30


def make_certificates(directory: Path, names: tuple[str, ...], addresses: tuple[str, ...]) -> Path:
    """``ca.pem``, ``server.pem`` and ``server.key`` in ``directory``, made if missing or near their end; the CA's path.

    The key of the authority is thrown away at once: nobody can ever make another certificate with it.
    """
    ca_file, server, key = directory / "ca.pem", directory / "server.pem", directory / "server.key"
    if all(path.is_file() for path in (ca_file, server, key)) and _is_fresh(server):
        return ca_file
    from cryptography import x509  # noqa: PLC0415 - slow to load, and needed once in a year
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - see above

    directory.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(days=VALID_DAYS)
    begin = now - dt.timedelta(days=1)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Posthouse throw-away authority")])
    ca = (
        x509.CertificateBuilder(ca_name, ca_name, ca_key.public_key(), x509.random_serial_number(), begin, until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder(ca_name, subject, server_key.public_key(), x509.random_serial_number(), begin, until)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(key, private)
    write_whole(ca_file, ca.public_bytes(pem), 0o644)
    write_whole(server, certificate.public_bytes(pem) + ca.public_bytes(pem), 0o644)  # last: it says all are there
    return ca_file


def _is_fresh(certificate: Path) -> bool:
    """By its file's age: reading the certificate would cost the start more than making a new one in a year."""
    age = dt.datetime.now(dt.UTC).timestamp() - certificate.stat().st_mtime
    return 0 <= age < (VALID_DAYS - RENEW_DAYS) * 86400
