import pytest

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Return
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.parameters import Unacceptable, parse_mail, parse_rcpt

OFFER = Offer(hostname="h.test", max_octets=1000, mechanisms=("PLAIN",))


def refused(argument: str, offer: Offer = OFFER) -> str:
    with pytest.raises(Unacceptable) as caught:
        parse_mail(argument, offer) if argument[:1] in "Ff" else parse_rcpt(argument, utf8=False)
    answer = caught.value.malformed.reply
    return f"{answer.code} {answer.status}"


def test_all_parameters_of_mail():
    mail = parse_mail(
        "FROM:<a@b.example> SIZE=999 BODY=8bitmime smtputf8 RET=hdrs ENVID=QQ+3D314 AUTH=c+40d.example", OFFER
    )
    assert mail.reverse_path == Address("a", "b.example")
    assert (mail.size, mail.body, mail.utf8, mail.ret) == (999, Body.EIGHTBIT, True, Return.HEADERS)
    assert (mail.envid, mail.auth) == ("QQ=314", "c@d.example")
    assert parse_mail("FROM:<> AUTH=<>", OFFER).auth == "<>"
    assert parse_mail("FROM:<> AUTH=+3C+3E", OFFER).auth == "<>"


def test_all_parameters_of_rcpt():
    recipient = parse_rcpt("TO:<a@b.example> NOTIFY=success,Delay ORCPT=RFC822;x+2By@z.example", utf8=False).recipient
    assert recipient.notify == Notify.SUCCESS | Notify.DELAY
    assert recipient.original == OriginalRecipient("rfc822", "x+y@z.example")
    assert parse_rcpt("TO:<a@b.example> NOTIFY=NEVER", utf8=False).recipient.notify == Notify.NEVER
    assert parse_rcpt("TO:<a@b.example>", utf8=False).recipient.notify is None
    wide = parse_rcpt("TO:<\u00fc@b.example> ORCPT=utf-8;\u00fc@b.example", utf8=True).recipient
    assert wide.original == OriginalRecipient("utf-8", "\u00fc@b.example")
    narrow = parse_rcpt("TO:<a@b.example> ORCPT=utf-8;\\x{FC}@b.example", utf8=False).recipient
    assert narrow.original == OriginalRecipient("utf-8", "\u00fc@b.example")


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("FROM:a@b.example", "501 5.1.7"),
        ("FROM:<postmaster>", "501 5.1.7"),
        ("FROM <a@b.example>", "501 5.5.4"),
        ("FROM:<a@b.example>SIZE=1", "501 5.1.7"),
        ("FROM:<a@b.example> SIZE", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1k", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=\u0661", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1 size=1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1001", "552 5.3.4"),
        ("FROM:<a@b.example> SIZE=99999999999999999999", "552 5.3.4"),
        ("FROM:<a@b.example> SIZE=999999999999999999999", "501 5.5.4"),
        ("FROM:<a@b.example> BODY=9BIT", "501 5.5.4"),
        ("FROM:<a@b.example> BODY", "501 5.5.4"),
        ("FROM:<a@b.example> SMTPUTF8=yes", "501 5.5.4"),
        ("FROM:<a@b.example> RET=ALL", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=" + "x" * 101, "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=+00", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=a=b", "501 5.5.4"),
        ("FROM:<a@b.example> AUTH=nobody", "501 5.5.4"),
        ("FROM:<a@b.example> NOTIFY=NEVER", "555 5.5.4"),
        ("FROM:<a@b.example> HOLDFOR=1000000", "555 5.5.4"),
        ("FROM:<a@b.example> -X=1", "501 5.5.4"),
        ("FROM:<a@b.example> =", "501 5.5.4"),
        ("FROM:<\u00fc@b.example>", "553 5.6.7"),
        ("FROM:<a@b\u00fccher.example>", "553 5.6.7"),
        ("FROM:<\u00fc@b.example> SIZE=1", "553 5.6.7"),
        ("TO:<>", "501 5.1.3"),
        ("TO:<a>", "501 5.1.3"),
        ("TO:<\u00fc@b.example>", "553 5.6.7"),
        ("TO:<a@b.example> NOTIFY=NEVER,SUCCESS", "501 5.5.4"),
        ("TO:<a@b.example> NOTIFY=SUCCESS,SUCCESS", "501 5.5.4"),
        ("TO:<a@b.example> NOTIFY=", "501 5.5.4"),
        ("TO:<a@b.example> NOTIFY=,", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=a@b.example", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=;a@b.example", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;+0D+0A", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;" + "x" * 500, "501 5.5.4"),
        ("TO:<a@b.example> SIZE=1", "555 5.5.4"),
    ],
)
def test_what_a_parameter_cannot_be_is_refused(argument, answer):
    assert refused(argument) == answer


def test_auth_is_a_parameter_only_where_people_authenticate():
    assert refused("FROM:<a@b.example> AUTH=<>", Offer(hostname="h.test", max_octets=1)) == "555 5.5.4"


def test_a_blank_behind_the_colon_is_forgiven():
    """Printers and scripts write it everywhere, and it can mean nothing else."""
    assert parse_mail("FROM: <a@b.example> SIZE=1", OFFER).size == 1
    assert parse_rcpt("to:  <a@b.example>", utf8=False).recipient.address == Address("a", "b.example")
