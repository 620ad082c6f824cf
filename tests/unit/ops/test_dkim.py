"""What an operator sees of the keys and does with them."""

import pytest

from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.keys import DAY
from posthouse.admd.vault import KEY_OCTETS, Vault, forget, make_master_key
from posthouse.ops.dnsadvice import Place
from posthouse.ops.house import CannotDo, House
from posthouse.standards.dns.ports import Mx, Srv
from posthouse.testing.journal import KeptJournal
from posthouse.testing.zone import Zone

DOMAIN = "office.test"
HOST = "mx.office.test"


@pytest.fixture
async def keeper(operator):
    """An operator of a house with keys, an office, and a zone of its own."""
    house, directory, zone = operator.house, Directory(), Zone()
    ring = KeyRing(house.store, directory, Vault(bytes(KEY_OCTETS)), clock=house.clock, journal=KeptJournal())
    services = {"smtp": 25, "submissions": 465, "imaps": 993}
    operator.zone = zone
    operator.house = House(house.store, house.clock, directory=directory, keys=ring, place=Place(HOST, zone, services))
    await operator.do("domain add", name=DOMAIN)
    return operator


async def states(keeper) -> dict[str, str]:
    return {row["selector"]: row["state"] for row in await keeper.do("dkim list", domain=DOMAIN)}


async def test_a_domain_that_is_added_has_keys(keeper):
    rows = await keeper.do("dkim list", domain=DOMAIN)
    assert [(row["kind"], row["state"], row["signs"]) for row in rows] == [
        ("rsa", "made", False),
        ("ed25519", "made", False),
    ]
    assert rows[0]["next"] == "publish its record: posthouse dns records office.test"


async def test_no_row_shows_a_private_half(keeper):
    for row in await keeper.do("dkim list"):
        assert set(row) == {
            "domain", "selector", "kind", "state", "since", "made_at", "signs", "name", "record", "next"
        }  # fmt: skip
        assert "PRIVATE" not in str(row)


async def test_changing_a_domain_makes_no_more_keys(keeper):
    await keeper.do("domain add", name=DOMAIN, catch_all="")
    assert len(await keeper.do("dkim list")) == 2


async def test_a_domain_that_is_removed_takes_its_keys_along(keeper):
    await keeper.do("domain remove", name=DOMAIN)
    assert await keeper.do("dkim list") == []


async def test_the_operators_word_puts_all_that_wait_into_use(keeper):
    assert {row["signs"] for row in await keeper.do("dkim activate", domain=DOMAIN, selectors=[])} == {True}
    assert set((await states(keeper)).values()) == {"active"}
    with pytest.raises(CannotDo, match="no key of office"):
        await keeper.do("dkim activate", domain=DOMAIN, selectors=[])


async def test_one_key_alone_may_be_put_into_use(keeper):
    (selector, *_) = await states(keeper)
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[selector])
    assert sorted((await states(keeper)).values()) == ["active", "made"]


async def test_a_rotation_makes_successors_that_wait(keeper):
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[])
    await keeper.do("dkim rotate", domain=DOMAIN)
    assert sorted((await states(keeper)).values()) == ["active", "active", "made", "made"]
    with pytest.raises(CannotDo, match="wait already") as error:
        await keeper.do("dkim rotate", domain=DOMAIN)
    assert "posthouse dns records office.test" in error.value.hint


async def test_predecessors_retire_and_are_told_when_they_may_go(keeper):
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[])
    await keeper.do("dkim rotate", domain=DOMAIN)
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[])
    assert sorted((await states(keeper)).values()) == ["active", "active", "retiring", "retiring"]
    keeper.house.clock.pass_time(14 * DAY / 1000)
    await keeper.house.keys.tend_domain(DOMAIN, None)
    nexts = {row["next"] for row in await keeper.do("dkim list") if row["state"] == "removed"}
    assert nexts == {"delete its record from the DNS"}


async def test_the_last_key_retires_only_by_force(keeper):
    first, second = await states(keeper)
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[])
    await keeper.do("dkim retire", domain=DOMAIN, selector=first)
    with pytest.raises(CannotDo, match="would leave unsigned"):
        await keeper.do("dkim retire", domain=DOMAIN, selector=second)
    await keeper.do("dkim retire", domain=DOMAIN, selector=second, force=True)
    assert set((await states(keeper)).values()) == {"retiring"}


@pytest.mark.parametrize(
    ("operation", "given", "what"),
    [
        ("dkim list", {"domain": "far.test"}, "there is no domain far.test"),
        ("dkim rotate", {"domain": "no domain"}, "is not a domain"),
        ("dkim activate", {"domain": DOMAIN, "selectors": ["nope"]}, "office.test has no key nope"),
        ("dkim retire", {"domain": DOMAIN, "selector": "nope"}, "office.test has no key nope"),
        ("dkim reset", {}, "the master key is there"),
        ("dns records", {"domain": "far.test"}, "there is no domain far.test"),
        ("dns check", {"domain": "far.test"}, "there is no domain far.test"),
    ],
)
async def test_what_cannot_be_done_is_said(keeper, operation, given, what):
    with pytest.raises(CannotDo, match=what):
        await keeper.do(operation, **given)


async def test_a_lost_master_key_is_said_and_can_be_given_up(keeper):
    await keeper.do("dkim activate", domain=DOMAIN, selectors=[])
    house = keeper.house
    lost = KeyRing(
        house.store,
        house.directory,
        Vault(None, "the master key /x/master.key is lost"),
        clock=house.clock,
        journal=KeptJournal(),
    )

    async def new_vault() -> Vault:
        return await forget(house.store, make_master_key)

    keeper.house = House(house.store, house.clock, directory=house.directory, keys=lost, new_vault=new_vault)
    assert {row["state"] for row in await keeper.do("dkim list")} == {"locked"}
    with pytest.raises(CannotDo, match="the master key /x/master"):
        await keeper.do("dkim rotate", domain=DOMAIN)
    with pytest.raises(CannotDo, match="made anew"):
        await keeper.do("dkim reset")
    await keeper.do("dkim reset", yes=True)
    found = await states(keeper)
    assert sorted(found.values()) == ["made", "made", "retiring", "retiring"], "what was signed can still be verified"


# -- the DNS


async def records(keeper) -> dict[tuple[str, str], str]:
    rows = await keeper.do("dns records", domain=DOMAIN)
    return {(row["type"], row["name"]): row["value"] for row in rows if "type" in row}


async def test_all_records_are_said(keeper):
    found = await records(keeper)
    keys = {(kind, name) for kind, name in found if "_domainkey" in name}
    assert len(keys) == 2
    assert {name: value for name, value in found.items() if name not in keys} == {
        ("MX", DOMAIN): "10 mx.office.test.",
        ("TXT", DOMAIN): "v=spf1 mx -all",
        ("TXT", HOST): "v=spf1 a -all",
        ("TXT", "_dmarc.office.test"): "v=DMARC1; p=reject; rua=mailto:postmaster@office.test",
        ("TXT", "_smtp._tls.office.test"): "v=TLSRPTv1; rua=mailto:postmaster@office.test",
        ("SRV", "_submissions._tcp.office.test"): "0 1 465 mx.office.test.",
        ("SRV", "_imaps._tcp.office.test"): "2 1 993 mx.office.test.",
    }


async def test_a_long_key_is_split_into_strings_that_fit(keeper):
    rows = await keeper.do("dns records", domain=DOMAIN)
    (rsa,) = [row for row in rows if "k=rsa" in row.get("value", "")]
    assert all(len(text) <= 255 for text in rsa["strings"])
    assert "".join(rsa["strings"]) == rsa["value"]
    assert all(len(line) <= 80 for line in rsa["zone"].splitlines())
    assert "".join(rsa["zone"].split('"')[1::2]) == rsa["value"]


async def test_without_a_name_the_records_cannot_be_said(keeper):
    house = keeper.house
    keeper.house = House(house.store, house.clock, directory=house.directory, keys=house.keys)
    with pytest.raises(CannotDo, match="the name of this server is not known"):
        await keeper.do("dns records")


def publish(keeper, found: dict[tuple[str, str], str]) -> None:
    """Do as we were told."""
    for (kind, name), value in found.items():
        if kind == "TXT":
            keeper.zone.publish(name, value.encode())
    names = dict(keeper.zone.names)
    for (kind, name), value in found.items():
        if kind == "SRV":
            *numbers, target = value.split(" ")
            names[name] = {"srv": (Srv(*map(int, numbers), target.rstrip(".")),)}
    names[DOMAIN] = {**names[DOMAIN], "mx": (Mx(10, HOST),)}
    names[HOST] = {**names[HOST], "a": ("192.0.2.25",)}
    names["192.0.2.25"] = {"ptr": (HOST,)}
    keeper.zone.names = names


async def test_what_is_published_as_we_say_is_in_order(keeper):
    publish(keeper, await records(keeper))
    rows = await keeper.do("dns check", domain=DOMAIN)
    assert {row["state"] for row in rows} == {"ok"}
    assert {row["type"] for row in rows} == {"MX", "TXT", "PTR", "SRV"}


async def test_the_zone_file_says_the_same_to_another_reader(keeper):
    import dns.zone

    rows = await keeper.do("dns records", domain=DOMAIN)
    text = "\n".join(row["zone"] for row in rows if "zone" in row)
    zone = dns.zone.from_text(text, origin=".", relativize=False, check_origin=False)
    read = {
        (dns.rdatatype.to_text(rdata.rdtype), name.to_text(omit_final_dot=True)): b"".join(rdata.strings).decode()
        for name, _, rdata in zone.iterate_rdatas("TXT")
    }
    assert read == {key: value for key, value in (await records(keeper)).items() if key[0] == "TXT"}


async def test_an_empty_zone_lacks_everything(keeper):
    rows = await keeper.do("dns check", domain=DOMAIN)
    missing = [row for row in rows if row["state"] == "missing"]
    assert len(missing) == 9
    assert all(row["advice"] for row in rows if row["state"] in {"missing", "fault"})


async def test_a_key_that_was_copied_wrong_is_seen(keeper):
    found = await records(keeper)
    publish(keeper, {key: value.replace("p=", "p=AAAA") for key, value in found.items()})
    rows = await keeper.do("dns check", domain=DOMAIN)
    assert [row["state"] for row in rows if "_domainkey" in row["name"] and "type" in row] == ["differs", "differs"]


async def test_the_record_of_a_removed_key_is_to_be_deleted(keeper):
    publish(keeper, await records(keeper))
    (first, *_) = await states(keeper)
    await keeper.do("dkim retire", domain=DOMAIN, selector=first)
    rows = await keeper.do("dns check", domain=DOMAIN)
    assert [row["advice"] for row in rows if row["state"] == "unneeded"] == ["delete it"]


async def test_a_dns_that_does_not_answer_at_all_is_said_at_once(keeper):
    keeper.zone.broken = frozenset({HOST})
    with pytest.raises(CannotDo, match="the DNS gives no answer"):
        await keeper.do("dns check", domain=DOMAIN)
    assert await keeper.do("dns records", domain=DOMAIN)


async def test_trouble_of_the_dns_is_no_fault(keeper):
    publish(keeper, await records(keeper))
    keeper.zone.broken = frozenset({DOMAIN})
    rows = await keeper.do("dns check", domain=DOMAIN)
    assert {row["state"] for row in rows} == {"ok", "unknown"}
