"""Certificates and keys, read for each door."""

from posthouse.net.tls import Certificates
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.secrecy import check_key


def read_certificates(configuration: Configuration) -> dict[str, Certificates]:
    """The certificates of each service; none without TLS."""
    tls = configuration.tls
    if tls.certificate is None or tls.key is None:
        return {}
    for key in (tls.key, *(other.key for other in tls.other)):
        check_key(key)
    by_name = {name: (other.certificate, other.key) for other in tls.other for name in other.names}
    made: dict[str, Certificates] = {}
    for one in configuration.listener:
        if one.service not in {"lmtp", "metrics"} and one.service not in made:
            alpn = {"imap": ("imap",), "imaps": ("imap",), "pop3": ("pop3",), "pop3s": ("pop3",)}.get(one.service, ())
            made[one.service] = Certificates((tls.certificate, tls.key), by_name, alpn=alpn)
    return made
