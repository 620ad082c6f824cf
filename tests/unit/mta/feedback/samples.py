"""Report mails in the shapes that the large generators send, written by hand for these tests."""

import base64
import gzip
import io
import zipfile

GOOGLE = b"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>google.example</org_name><email>noreply-dmarc-support@google.example</email>
    <extra_contact_info>https://support.google.example/a/answer/1</extra_contact_info>
    <report_id>1234567890123456789</report_id>
    <date_range><begin>1795132800</begin><end>1795219199</end></date_range>
  </report_metadata>
  <policy_published><domain>office.test</domain><adkim>r</adkim><aspf>r</aspf><p>reject</p><sp>reject</sp><pct>100</pct>
  <np>reject</np></policy_published>
  <record><row><source_ip>198.51.100.7</source_ip><count>12</count>
    <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
    <identifiers><header_from>office.test</header_from></identifiers>
    <auth_results><dkim><domain>office.test</domain><result>pass</result><selector>s1</selector></dkim>
    <spf><domain>office.test</domain><result>pass</result></spf></auth_results></record>
  <record><row><source_ip>203.0.113.66</source_ip><count>40</count>
    <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>office.test</header_from></identifiers>
    <auth_results><spf><domain>evil.test</domain><result>pass</result></spf></auth_results></record>
</feedback>
"""
MICROSOFT = b"""\xef\xbb\xbf<?xml version="1.0"?><feedback xmlns:xsd="http://www.w3.org/2001/XMLSchema" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><version>1.0</version><report_metadata>\
<org_name>Enterprise Outlook</org_name><email>dmarcreport@outlook.example</email>\
<report_id>0f0e0d0c0b0a</report_id><date_range><begin>1795132800</begin><end>1795219200</end></date_range>\
</report_metadata><policy_published><domain>office.test</domain><adkim>r</adkim><aspf>r</aspf><p>reject</p>\
<sp>reject</sp><pct>100</pct><fo>0</fo></policy_published><record><row><source_ip>2001:db8::66</source_ip>\
<count>2</count><policy_evaluated><disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>\
<reason><type>local_policy</type><comment>arc=pass</comment></reason></policy_evaluated></row><identifiers>\
<envelope_to>client.test</envelope_to><envelope_from>list.test</envelope_from><header_from>OFFICE.test</header_from>\
</identifiers><auth_results><dkim><domain>list.test</domain><selector>k</selector><result>pass</result></dkim>\
<spf><domain>list.test</domain><scope>mfrom</scope><result>pass</result></spf></auth_results></record></feedback>"""
OLD = (
    GOOGLE.replace(b"<feedback>", b'<feedback xmlns="http://dmarc.org/dmarc-xml/0.1">')
    .replace(b"google.example", b"old.example")
    .replace(b"1234567890123456789", b"old-1")
)
MODERN = (
    GOOGLE.replace(
        b"<feedback>",
        b'<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0" xmlns:x="urn:x"><version>1.0</version>'
        b"<extension><x:score>7</x:score></extension>",
    )
    .replace(b"google.example", b"modern.example")
    .replace(b"<pct>100</pct>", b"<testing>n</testing><discovery_method>treewalk</discovery_method>")
    .replace(b"<disposition>none", b"<disposition>pass")
)
AMAZON = GOOGLE.replace(b"google.example", b"AMAZON-SES").replace(b"\n", b"").replace(b"  ", b"")

TLS_GOOGLE = b"""{"organization-name":"Google Example","date-range":{"start-datetime":"2026-11-20T00:00:00Z",
"end-datetime":"2026-11-20T23:59:59Z"},"contact-info":"smtp-tls-reporting@google.example",
"report-id":"2026-11-20T00:00:00Z_office.test","policies":[{"policy":{"policy-type":"sts","policy-string":
["version: STSv1","mode: enforce","mx: mx.office.test"],"policy-domain":"office.test","mx-host":["mx.office.test"]},
"summary":{"total-successful-session-count":31,"total-failure-session-count":3},"failure-details":[
{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.5","receiving-mx-hostname":"mx.office.test",
"failed-session-count":3}]}]}"""
TLS_MICROSOFT = b"""{"organization-name":"Microsoft Example","date-range":{"start-datetime":"2026-11-20T00:00:00Z",
"end-datetime":"2026-11-20T23:59:59Z"},"contact-info":"tlsrpt@ms.example","report-id":"77+office.test","policies":[
{"policy":{"policy-type":"no-policy-found","policy-domain":"office.test"},
"summary":{"total-successful-session-count":5,"total-failure-session-count":2}}]}"""

FAILURE = b"""From: reports@far.test\r
To: postmaster@office.test\r
Subject: FW: DMARC failure report for office.test\r
Content-Type: multipart/report; report-type="feedback-report"; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
This is an authentication failure report.\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: auth-failure\r
User-Agent: Lua/1.0\r
Version: 1\r
Original-Mail-From: <x@evil.test>\r
Arrival-Date: Fri, 20 Nov 2026 13:00:00 +0000\r
Source-IP: 203.0.113.66\r
Reported-Domain: office.test\r
Auth-Failure: dmarc\r
Delivery-Result: reject\r
Identity-Alignment: none\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
From: boss@office.test\r
\r
--b--\r
"""


def gz(octets: bytes) -> bytes:
    return gzip.compress(octets)


def zipped(octets: bytes, name: str = "report.xml") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, octets)
    return buffer.getvalue()


def mail(
    packed: bytes,
    *,
    subject: str = "Report domain: office.test Submitter: far.test Report-ID: 1",
    kind: str = "application/gzip",
    name: str = "far.test!office.test!1795132800!1795219199.xml.gz",
    alone: bool = False,
) -> bytes:
    """A report mail: with a text before the file, or the file alone as some send it."""
    text = base64.encodebytes(packed).replace(b"\n", b"\r\n")
    part = (
        f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    ).encode() + text
    top = (
        f"From: reports@far.test\r\nTo: postmaster@office.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n".encode()
    )
    if alone:
        return top + part
    body = b'Content-Type: multipart/mixed; boundary="q"\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nA report.\r\n--q\r\n'
    return top + body + part + b"\r\n--q--\r\n"
