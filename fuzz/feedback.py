"""Whatever comes as a report: reports or nothing, within bounds, and the same again from the shelf."""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["posthouse"]):
    import msgspec

    from posthouse.mta.feedback.reading import MOST_REPORTS, Read, read_message
    from posthouse.standards.dmarcreport.failure import parse_failure
    from posthouse.standards.dmarcreport.read import parse_report
    from posthouse.standards.tlsrpt.record import parse_record
    from posthouse.standards.tlsrpt.report import parse_report as parse_tls

HEADS = (
    b"",
    b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    b"Content-Type: text/xml\r\n\r\n<feedback>",
    b'Content-Type: application/json\r\n\r\n{"report-id":"1","policies":[',
    b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\n",
    b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n",
)


def one_input(data):
    for parse in (parse_report, parse_tls, parse_failure):
        with suppress(ValueError):
            parse(data)
    uris = parse_record(data.decode("latin-1"))
    assert uris is None or len(uris) <= 10
    found = read_message(HEADS[data[0] % len(HEADS)] + data[1:] if data else b"", 0)
    assert len(found.reports) <= MOST_REPORTS
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Read)
    assert [one.domain for one in again.reports] == [one.domain for one in found.reports]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
