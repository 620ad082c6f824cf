"""Too much of everything: connections, time, octets, disk, names, clocks."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "R01", "A flood of connections", surface="volume", essay="D-4", motives="S", enabling="SF-d", failure="Tl s = V2",
        limits="L14 L15", profiles="essay",
        what="As many connections as can be made, from one address and from many.",
        why="Slots, files and CPU are spent on strangers, and our own people wait.",
        how="Floods beside the canary, who must not notice.",
    ),
    threat(
        "R02", "A thousand slow talkers", surface="volume", essay="D-4", motives="S", enabling="SF-d", failure="H u = V2",
        limits="L17 L18",
        what="Connections that say one octet every few seconds, at every door.",
        why="Deadlines that begin anew with each octet never end.",
        how="Slow ones at each service; all are ended at the absolute deadline, cheaply.",
    ),
    threat(
        "R03", "A mail bomb", surface="volume", essay="D-5", motives="HS", enabling="SF-d", failure="H s = V3",
        profiles="essay",
        what="So much mail for one person that his mailbox is full.",
        why="Then the mail he waits for is refused, which was the purpose.",
        how="A small mailbox, a bomb from many domains, and letters from somebody known: these arrive.",
    ),
    threat(
        "R04", "Almost a message", surface="volume", essay="D-4", motives="S", enabling="SF-d", failure="H u = V2",
        limits="L16",
        what="Nearly a whole message, then the line breaks; again and again.",
        why="What is not accepted is often not counted, and its files are forgotten.",
        how="Aborted transactions from one address; counted, slowed, no file left.",
    ),
    threat(
        "R05", "A full disk", surface="volume", essay="D-4", motives="AS", attack="HW IA", enabling="SF-d",
        failure="H s = V2", limits="L28", profiles="essay",
        what="No space, no inodes, at any moment.",
        why="What was acknowledged must be there; what cannot be kept must be deferred, not refused or lost.",
        how="A small file system filled; 452, the ledger exact, deleting works, and all is well when there is room.",
    ),
    threat(
        "R06", "No memory, no files", surface="volume", essay="D-4", motives="SA", attack="IA HW", failure="H u = V2",
        what="Limits of the operating system are reached.",
        why="Servers have spun, leaked and died at exactly that point.",
        how="File limits lowered below what is in use; CPU stays low, others are served, all comes back.",
    ),
    threat(
        "R07", "Work that grows by squares", surface="volume", essay="D-4", motives="S", failure="H u = V2",
        cves="CVE-2021-33582 CVE-2021-40110 CVE-2026-33607",
        what="Inputs for which twice as much takes four times as long.",
        why="A small message then stops a large server.",
        how="Each kind at n, 2n and 4n; the time it takes may little more than double.",
    ),
    threat(
        "R08", "A queue full of the dead", surface="volume", essay="D-4", motives="SA", attack="IA IM", enabling="SF-d",
        failure="Tl u ≠ V3", limits="L25 L26",
        what="Very much mail for hosts that do not answer.",
        why="Live mail waits behind it.",
        how="Tarpits beside a live host; mail for the live one goes out at once.",
    ),
    threat(
        "R09", "No names", surface="dns", essay="D-4", motives="AS", attack="HW IA", enabling="SF-d", failure="Tl s = V2",
        limits="L37",
        what="The name server is slow, silent or broken.",
        why="Everything asks it; nothing may be lost because it does not answer.",
        how="Our name server falls silent under load; local mail goes on, the rest waits and then goes.",
    ),
    threat(
        "R10", "Clocks that jump", surface="volume", motives="A", attack="HW IM", enabling="SF-d", failure="Te u = V2",
        what="An hour, a day, or back to 1970.",
        why="Mail expires early, is tried in a storm, or never.",
        how="A server whose clock is set six times while letters wait; none is given up, each leaves once.",
    ),
    threat(
        "R11", "Addresses without end", surface="volume", essay="D-4", motives="S", enabling="SF-d", failure="H u = V2",
        limits="L14",
        what="A new address for each connection, from networks that have millions.",
        why="Limits per address do not see it, and their tables grow.",
        how="Thousands of sources of loopback; memory is bounded, networks are counted together.",
    ),
)  # fmt: skip
