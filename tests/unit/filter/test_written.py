"""Lines that are still at hand say what would be written anew."""

from posthouse.filter.author import Author
from posthouse.filter.evidence import Evidence, SpfEvidence, dkim_result, spf_result
from posthouse.filter.written import Lines
from posthouse.mail.address import Address
from posthouse.standards.authres.write import format_result
from posthouse.standards.dkim.verify import Result, Verification
from posthouse.standards.spf.evaluate import Result as SpfWord
from posthouse.standards.spf.evaluate import Verdict

PEOPLE = ("alice@far.test", '"b o b"@far.test', "alice@far.test", "x" * 60 + "@far.test")
SIGNATURES = (b"\x00" * 256, b"\xff" * 256, b"\x01" * 256, b"\xfe\xff" * 128, b"\xfb" * 64)


def evidence(sender: str) -> Evidence:
    return Evidence(author=Author(Address("a", "far.test"), ""), peer="192.0.2.1", helo="x.test", mail_from=sender)


def test_of_people() -> None:
    lines = Lines()
    for word in (SpfWord.PASS, SpfWord.SOFTFAIL):
        spf = SpfEvidence("mailfrom", "far.test", Verdict(word))
        for sender in PEOPLE:
            given = evidence(sender)
            assert lines.own(spf, given) == format_result(spf_result(spf, given), is_last=False)


def test_of_signatures() -> None:
    """What is told of the octets is quoted or not, and as long always."""
    lines = Lines()
    for domain in ("far.test", "list.test", "AAAAAAAAAAAA.test"):
        for octets in SIGNATURES:
            for result in (Result.PASS, Result.FAIL):
                one = Verification(
                    result, domain=domain, selector="s", algorithm="rsa-sha256", bits=2048, signature=octets
                )
                assert lines.signature(one) == format_result(dkim_result(one), is_last=False)
