"""Who a message is from."""

from posthouse.drill.bench import Bench
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter


def publish(bench: Bench, name: str, *, spf: str, policy: str) -> None:
    """A domain with a policy, in our own name server."""
    bench.names.put(name, "A", "127.0.0.1")
    bench.names.put(name, "MX", f"10 {name}")
    bench.names.put(name, "TXT", spf)
    bench.names.put(f"_dmarc.{name}", "TXT", f"v=DMARC1; p={policy}")


async def spoofing(bench: Bench) -> None:
    """D01: our own name from outside, and names whose owners ask for reject or quarantine."""
    for sender in (b"alice@office.test", b"ceo@office.test"):
        mark = bench.unique("own")
        reply = await bench.deliver("bob", letter(mark, sender=sender.decode()), sender=sender)
        bench.expect(f"our own domain as a stranger's sender <{sender.decode()}>", "5", reply[:1].decode())
    mark = bench.unique("header")
    await bench.deliver("bob", letter(mark, sender="alice@office.test"))
    bench.expect("our own domain in From alone reaches the Inbox", False, await bench.arrives("bob", mark, seconds=1.0))
    strict, soft, honest = (bench.unique(word) + ".policy.test" for word in ("reject", "quarantine", "honest"))
    publish(bench, strict, spf="v=spf1 -all", policy="reject")
    publish(bench, soft, spf="v=spf1 -all", policy="quarantine")
    reply = await bench.deliver("bob", letter(bench.unique(), sender=f"ceo@{strict}"), sender=f"ceo@{strict}".encode())
    bench.expect("a domain whose policy is reject", "5", reply[:1].decode())
    mark = bench.unique("soft")
    await bench.deliver("bob", letter(mark, sender=f"ceo@{soft}"), sender=f"ceo@{soft}".encode())
    bench.expect(
        "a domain whose policy is quarantine in the Inbox", False, await bench.arrives("bob", mark, seconds=1.0)
    )
    source, mark = bench.stranger(), bench.unique("honest")
    publish(bench, honest, spf=f"v=spf1 ip4:{source} -all", policy="reject")
    content = letter(mark, sender=f"ceo@{honest}")
    reply = await bench.deliver("bob", content, source=source, sender=f"ceo@{honest}".encode())
    bench.twin("the owner of such a domain is taken", "250", reply[:3].decode())
    bench.twin("and is in the Inbox", True, await bench.arrives("bob", mark))


SCENARIOS = (Scenario("D01", spoofing, without="[authentication]\nverify = false\n"),)
