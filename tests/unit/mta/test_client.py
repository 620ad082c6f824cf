"""The words of the trace line (RFC 3848, RFC 6531 section 4.3)."""

import pytest

from posthouse.mta.client import Client
from posthouse.net.ports import Peer
from posthouse.storage.directory import AccountRow
from posthouse.testing.wire import TLS

PEER = Peer("192.0.2.1", 1, "198.51.100.1", 25)
ALICE = AccountRow(1, "alice@office.test", "Alice", (), 0, 0)


@pytest.mark.parametrize(
    ("verb", "tls", "login", "utf8", "word"),
    [
        ("HELO", False, False, False, "SMTP"),
        ("EHLO", False, False, False, "ESMTP"),
        ("EHLO", True, False, False, "ESMTPS"),
        ("EHLO", True, True, False, "ESMTPSA"),
        ("EHLO", False, False, True, "UTF8SMTP"),
        ("EHLO", True, False, True, "UTF8SMTPS"),
        ("EHLO", True, True, True, "UTF8SMTPSA"),
        ("LHLO", False, False, False, "LMTP"),
        ("LHLO", True, False, False, "LMTPS"),
        ("LHLO", False, False, True, "UTF8LMTP"),
    ],
)
def test_the_word_says_what_was_used(verb, tls, login, utf8, word):
    client = Client(PEER, "smtp", TLS if tls else None, "a.example", verb, ALICE if login else None)
    assert client.protocol(utf8=utf8) == word


def test_tls_is_told_by_version_and_cipher():
    assert Client(PEER, "smtp", TLS).tls == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    assert Client(PEER, "smtp").tls == ""
