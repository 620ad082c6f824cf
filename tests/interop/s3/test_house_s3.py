"""The whole server with its large content in a bucket, through days on which the bucket is away."""

import imaplib
import smtplib

import pytest

pytestmark = pytest.mark.heavy


@pytest.fixture
def house(own_seaweed, tmp_path, strict):
    key_file = tmp_path / "s3.key"
    key_file.write_text("office\nnot a secret\n")
    return strict(
        f'hops = 50\n[store]\nbodies = "s3://mail/house"\ns3_endpoint = "http://127.0.0.1:{own_seaweed.port}"\n'
        f's3_key_file = "{key_file}"'
    )


def letter(subject, lines):
    line = f"{subject} - the same line again and again, so that it becomes large\r\n"
    return f"From: x@else.test\r\nTo: alice@office.test\r\nSubject: {subject}\r\n\r\n" + line * lines


def send(house, text):
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), timeout=60) as client:
        client.sendmail("x@else.test", ["alice@office.test"], text)


def sign_in(house):
    client = imaplib.IMAP4_SSL("127.0.0.1", house.port("imaps"), ssl_context=house.tls, timeout=60)
    client.login("alice@office.test", house.password("alice"))
    client.select("INBOX")
    return client


def fetch(house):
    """All messages by subject; what cannot be read is None: the connection breaks where its content was announced."""
    client = sign_in(house)
    found = {}
    for number in client.search(None, "ALL")[1][0].split():
        subject = client.fetch(number, "(ENVELOPE)")[1][0].decode().split('"')[1]
        try:
            found[subject] = client.fetch(number, "(BODY.PEEK[TEXT])")[1][0][1]
        except imaplib.IMAP4.abort:
            found[subject] = None
            client = sign_in(house)
    client.logout()
    return found


def test_nothing_acknowledged_is_lost_and_nothing_is_acknowledged_while_the_bucket_is_away(house, own_seaweed):
    large, other, small = letter("large", 20_000), letter("other", 20_000), letter("small", 10)
    send(house, large)
    assert fetch(house)["large"].count(b"\r\n") == 20_000
    own_seaweed.kill()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(house, other)
    assert 400 <= refused.value.smtp_code < 500
    send(house, small)
    found = fetch(house)
    assert set(found) == {"large", "small"}
    assert found["large"] is None
    own_seaweed.start()
    send(house, other)
    found = fetch(house)
    assert {subject: body.count(b"\r\n") for subject, body in found.items()} == {
        "large": 20_000, "small": 10, "other": 20_000,
    }  # fmt: skip
    log = (house.directory / "log").read_text()
    assert "bodies.failed" in log
    assert "not a secret" not in log
