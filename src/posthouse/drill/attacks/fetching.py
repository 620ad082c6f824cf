"""Where a stranger would have us go: URIs of his choice, in what he publishes."""

import asyncio
import contextlib

from posthouse.drill.bench import Bench
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter
from posthouse.drill.tricks import DOMAIN, Trickster, playing, wish

INSIDE = {
    "loop": ("A", "127.0.0.1"),
    "loop2": ("A", "127.8.8.8"),
    "six": ("AAAA", "::1"),
    "mapped": ("AAAA", "::ffff:127.0.0.1"),
    "nat": ("AAAA", "64:ff9b::7f00:1"),
    "sixtofour": ("AAAA", "2002:7f00:1::"),
    "zero": ("A", "0.0.0.0"),  # noqa: S104 - an address that some take for this machine
    "cname": ("CNAME", "loop.inside.test"),
    "cloud": ("A", "169.254.169.254"),
    "ten": ("A", "10.0.0.1"),
    "shared": ("A", "100.64.0.1"),
    "link": ("AAAA", "fe80::1"),
}
LITERALS = ("127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "[::1]", "127.1", "localhost", "user@127.0.0.1")
OWNERS = (*(f"rua{number}" for number in range(len(INSIDE) + len(LITERALS))), "honest")


async def fetches(bench: Bench) -> None:
    """T07: reports that twenty domains want by HTTPS at addresses inside, however written; nobody comes there."""
    visits: list[str] = []
    everywhere = ["0.0.0.0"]  # noqa: S104 - whoever comes inside by any address is seen
    listener = await asyncio.start_server(lambda _reader, writer: _note(visits, writer), everywhere, 0)
    port = listener.sockets[0].getsockname()[1]
    with contextlib.suppress(OSError):
        await asyncio.start_server(lambda _reader, writer: _note(visits, writer), ["::1"], port)
    uris = [f"https://{name}.inside.test:{port}/x" for name in INSIDE]
    uris += [f"https://{host}:{port}/x" for host in LITERALS]
    for name, (kind, value) in INSIDE.items():
        bench.names.put(f"{name}.inside.test", kind, value)
    mark = bench.unique("reports")
    for owner, uri in zip(OWNERS, [*uris, f"mailto:{mark}@far.test"], strict=True):
        bench.names.put(f"_smtp._tls.{owner}.{DOMAIN}", "TXT", f"v=TLSRPTv1; rua={uri}")
        bench.names.put(f"{owner}.{DOMAIN}", "A", "127.0.0.77")
    async with playing({owner: Trickster() for owner in OWNERS}):
        for owner in OWNERS:
            to = f"x@{owner}.{DOMAIN}"
            async with await bench.submitter() as caller:
                await caller.send(
                    b"alice@office.test", [to.encode()], letter("hello", sender="alice@office.test", to=to)
                )
        await asyncio.sleep(2.0)
    await bench.control("report send", early=True)
    looked_up = {name for name, _ in bench.names.asked if name.endswith(".inside.test")}
    bench.twin("names inside that were looked up", len(INSIDE), len(looked_up))
    bench.twin("a report by mail leaves", True, await bench.leaves(f"{mark}@far.test", seconds=10.0))
    listener.close()
    bench.expect("visits inside", [], visits)


def _note(visits: list[str], writer: asyncio.StreamWriter) -> None:
    visits.append(str(writer.get_extra_info("sockname")))
    writer.close()


SCENARIOS = (Scenario("T07", fetches, wish=wish(OWNERS), weakened="T07", allowance=Allowance(seconds=60)),)
