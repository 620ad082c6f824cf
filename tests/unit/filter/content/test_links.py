"""Links, forms and scripts in HTML: what says one thing and does another, and what does not."""

import pytest

from posthouse.filter.content.finding import Findings, Kind
from posthouse.filter.content.links import LINKS, is_same_house, judge_html


def kinds(html: str | bytes) -> list[Kind]:
    found = Findings({})
    judge_html(html.encode() if isinstance(html, str) else html, found)
    return [one.kind for one in found.all]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://evil.test/login">https://bank.example/login</a>',
        '<A HREF="HTTP://EVIL.TEST/">www.bank.example</A>',
        "<a class=x href='http://evil.test'><b>https://</b>bank.example</a>",
        "<a href=http://evil.test/>bank&#46;com</a>",
        '<a href="ht\ntps://evil.test">https://bank.example</a>',
        '<a href="https://bank.example@evil.test/">click here</a>',
        '<a href="http://203.0.113.7/x">click here</a>',
        '<a href="http://3405803783/">click here</a>',
        '<a href="http://0xcb007107/">click here</a>',
        '<a href="http://[2001:db8::1]/">click here</a>',
        '<a href="http:\\\\0313.0.0161.7">click here</a>',
        '<a href="https://xn--bnk-5cd.example/">click here</a>',
        '<a href="https://b\u0430nk.example/">click here</a>',
        '<a href="vbscript:run()">click here</a>',
        '<a href=" data:text/html;base64,AAAA">click here</a>',
        '<a href="file://evil.test/share">click here</a>',
        '<a href="search-ms:query=x">click here</a>',
        '<a href="https://evil.test/?https://bank.example">https://bank.example',
    ],
)
def test_a_link_that_leads_elsewhere_is_found(html: str) -> None:
    assert kinds(html) == [Kind.LINK]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://www.bank.example/login">bank.example</a>',
        '<a href="https://news.bank.example/x?y=z">https://www.bank.example/x</a>',
        '<a href="https://shop.co.uk.example/">our shop</a>',
        '<a href="mailto:info@bank.example">info@bank.example</a>',
        '<a href="https://evil.test/">Read the report of 2.10.2026</a>',
        '<a href="https://evil.test/">version 1.2.com</a> and <abbr title=x>y</abbr>',
        '<a href="https://far.test/"><img src="https://other.test/x.png"></a>',
        '<a name="https://x.test">https://bank.example</a>',
        '<a href="#top">www.bank.example</a>',
        '<a href="/path">https://bank.example</a>',
        "<p>https://bank.example</p><address>x</address>",
        "<a href=",
        "<a",
    ],
)
def test_an_honest_link_is_left_alone(html: str) -> None:
    assert kinds(html) == []


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<form action='https://evil.test/'><input></form>", [Kind.FORM]),
        ("<form><input type=password></form>", [Kind.FORM]),
        ("<form><input name=q></form>", []),
        ("<script>x</script>", [Kind.ACTIVE]),
        ("<iframe src=x>", [Kind.ACTIVE]),
        ("<meta http-equiv=refresh content='0;url=http://evil.test'>", [Kind.ACTIVE]),
        ("<meta http-equiv=content-type content='text/html'>", []),
        ("<script>u=URL.createObjectURL(new Blob([atob(x)]))</script>", [Kind.SMUGGLING]),
    ],
)
def test_forms_and_scripts(html: str, expected: list[Kind]) -> None:
    assert kinds(html) == expected


def test_only_so_many_links_are_looked_at() -> None:
    honest = b"".join(b"<a href='https://far.test/%d'>x</a>" % number for number in range(LINKS))
    assert kinds(honest + b"<a href='javascript:x'>x</a>") == [Kind.ACTIVE]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.test", "www.a.test", True),
        ("x.a.test", "y.a.test", True),
        ("a.test", "b.test", False),
        ("a.co.uk", "b.co.uk", False),
        ("x.a.co.uk", "a.co.uk", True),
    ],
)
def test_who_owns_a_host(one: str, other: str, same: bool) -> None:
    assert is_same_house(one, other) is same
