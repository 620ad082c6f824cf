#!/usr/bin/env python3
"""Mail whose sender must be found out: Posthouse beside Postfix with OpenDKIM, OpenDMARC and SPF, and with Rspamd.

    bench/senders/run.py [--messages 2000] [--rounds 3] [--each 1] [CHAIN ...]

Each server takes the same messages in turn: 4 KiB, signed with RSA-2048, from
addresses that SPF allows, by people of a domain with a DMARC policy. Every
answer of the DNS is in a cache (unbound; Posthouse has its own). A message
counts when it is in its mailbox. CPU time is that of all processes of a chain
with the cache that it asks; before it is measured, the chain must have written
into a message that SPF, DKIM and DMARC passed. Needs root (for namespaces and
for Postfix) and, from Debian, postfix, opendkim, opendmarc,
postfix-policyd-spf-python, rspamd and unbound.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "road"))

from chains import CHAINS, Unbound, enter_world, furnish_world, missing
from sending import Message, send, signed_messages
from servers import RECIPIENT

from posthouse.standards.dkim.keypair import KeyPair, generate_rsa

Row = dict[str, float]
WARM = 200
PASSES = {
    "opendkim": ("spf=pass", "dkim=pass", "dmarc=pass"),
    "rspamd": ("spf=pass", "dkim=pass", "dmarc=pass"),
    "posthouse": ("spf=pass", "dkim=pass", "dmarc=pass"),
}


def letters(name: str, pair: KeyPair, count: int) -> list[Message]:
    recipient = RECIPIENT["posthouse" if name in {"posthouse", "trusting"} else "postfix"]
    return signed_messages(count, pair, recipient, now=int(time.time()))


def load(name: str, options: argparse.Namespace, world: Unbound, pool: list[Message], directory: Path) -> Row:
    """One chain, all messages, until each is in its mailbox."""
    try:
        server = CHAINS[name](base=str(directory))
    except RuntimeError as error:
        for output in directory.glob("bench-*/output"):
            error.add_note(output.read_text(errors="replace")[-1500:])
        raise
    try:
        deliver(server, pool[:WARM], options, WARM)
        text = " ".join(server.sample().lower().split())
        if absent := [word for word in PASSES.get(name, ()) if word not in text]:
            raise RuntimeError(  # noqa: TRY301 - its note says what the filters said
                f"{name} does not say {', '.join(absent)}: {text[:1500]}"
            )
        cpu, dns, start = server.used(), world.tree.cpu_seconds(), time.perf_counter()
        deliver(server, pool[WARM:], options, len(pool))
        elapsed, count = time.perf_counter() - start, len(pool) - WARM
        return {
            "messages a second": count / elapsed,
            "CPU ms a message": (server.used() - cpu + world.tree.cpu_seconds() - dns) / count * 1000,
        }
    except RuntimeError as error:
        for program in getattr(server, "programs", ()):
            error.add_note(program.log.read_text(errors="replace")[-1500:])
        raise
    finally:
        server.end()


def deliver(server, messages: list[Message], options: argparse.Namespace, total: int) -> None:
    send(server.port, server.recipient, messages, connections=options.connections, each=options.each)
    end = time.monotonic() + 60
    while server.received() < total:
        if time.monotonic() > end:
            raise RuntimeError(f"{server.name}: only {server.received()} of {total} arrived")
        time.sleep(0.01)


def show(options: argparse.Namespace, rounds: list[dict[str, Row]]) -> None:
    def middle(name: str, what: str) -> float:
        return statistics.median(one[name][what] for one in rounds)

    print(f"\n{'':45}{'messages/s':>11}{'CPU ms':>9}{'Posthouse is':>22}")
    for name in options.chains:
        rate, cpu = middle(name, "messages a second"), middle(name, "CPU ms a message")
        line = f"{CHAINS[name].filters:45}{rate:11.0f}{cpu:9.2f}"
        if "posthouse" in options.chains and name not in {"posthouse", "trusting"}:
            ratios = [one["posthouse"]["messages a second"] / one[name]["messages a second"] for one in rounds]
            line += f"{statistics.median(ratios):9.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)
    if {"posthouse", "trusting"} <= set(options.chains):
        costs = [one["posthouse"]["CPU ms a message"] - one["trusting"]["CPU ms a message"] for one in rounds]
        print(f"to look at the sender costs Posthouse {statistics.median(costs):.2f} ms of CPU time a message", end=" ")
        print(f"({min(costs):.2f} to {max(costs):.2f})")
    if {"opendkim", "plain"} <= set(options.chains):
        costs = [one["opendkim"]["CPU ms a message"] - one["plain"]["CPU ms a message"] for one in rounds]
        print(f"and with OpenDKIM, OpenDMARC and policyd-spf {statistics.median(costs):.2f} ms")
    if {"rspamd", "plain"} <= set(options.chains):
        costs = [one["rspamd"]["CPU ms a message"] - one["plain"]["CPU ms a message"] for one in rounds]
        print(f"and with Rspamd {statistics.median(costs):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chains", nargs="*", help=f"of {', '.join(CHAINS)} (default: all)", metavar="CHAIN")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--each", type=int, default=1, help="messages on each connection (at most 50)")
    parser.add_argument("--base", help="directory for the servers' data (default: the system's)")
    parser.add_argument("--json", metavar="FILE", help="append the rounds as JSON lines")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.chains = options.chains or list(CHAINS)
    if unknown := [one for one in options.chains if one not in CHAINS]:
        parser.error(f"no such chain: {', '.join(unknown)}")
    if absent := missing(options.chains):
        sys.exit(f"run.py: {', '.join(absent)} not found; see the first lines of this file for the packages")
    if not options.inside:
        enter_world(__file__)
    pair, rounds = generate_rsa(), []
    with tempfile.TemporaryDirectory(prefix="bench-senders-", dir=options.base) as path:
        directory = Path(path)
        directory.chmod(0o755)
        furnish_world(directory)
        world = Unbound(directory, pair.record)
        try:
            pools = {name: letters(name, pair, WARM + options.messages) for name in options.chains}
            for number in range(options.rounds):
                order = options.chains if number % 2 == 0 else options.chains[::-1]
                one = {name: load(name, options, world, pools[name], directory) for name in order}
                rounds.append(one)
                said = ", ".join(f"{name} {one[name]['messages a second']:.0f}/s" for name in options.chains)
                print(f"  round {number + 1}: {said}", flush=True)
        finally:
            world.end()
    show(options, rounds)
    if options.json:
        with Path(options.json).open("a") as file:
            file.write(json.dumps({"name": "senders", "messages": options.messages, "rounds": rounds}) + "\n")


if __name__ == "__main__":
    main()
