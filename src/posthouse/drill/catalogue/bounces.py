"""Reports, loops, automatic replies, lists."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "B01", "Backscatter", surface="bounces", essay="D-1", motives="$S", enabling="SF-d", failure="E u = V3",
        limits="L20", profiles="essay quick",
        what="Mail to recipients that do not exist, with a victim as its sender.",
        why="A server that accepts first and returns later sends its reports to the victim.",
        how="Many unknown recipients and a victim at the sink; refused in the session, the victim hears nothing.",
    ),
    threat(
        "B02", "Reports that tell too much", surface="bounces", essay="D-2", motives="ER", enabling="SF-d",
        failure="C u = V2", limits="L24", profiles="essay quick",
        what="Reports of success asked for by strangers, for aliases and forwards.",
        why="They name inner hosts, real accounts and where mail is forwarded to.",
        how="NOTIFY=SUCCESS from outside; what comes back is searched for names nobody told.",
    ),
    threat(
        "B03", "Mail that goes in circles", surface="bounces", essay="D-1", motives="A", attack="IM IA", enabling="SF-d",
        failure="E u = V3", cves="CVE-2000-1203", limits="L22",
        what="Forwards that lead back, lists in lists, an MX that is ourselves.",
        why="One message becomes traffic without end.",
        how="Messages with many hops and names that lead home; counted, ended, reported once.",
    ),
    threat(
        "B04", "Automatic replies to each other", surface="bounces", essay="D-1", motives="A", attack="IM",
        enabling="SF-d", failure="E u = V3",
        what="Two absent people, a list, a robot.",
        why="They thank each other all night.",
        how="Vacations against each other; one reply and no more.",
        needs="vacation replies (Sieve)",
    ),
    threat(
        "B05", "Reports about reports", surface="bounces", essay="D-1", motives="SA", failure="E u = V3", limits="L25",
        what="A report that cannot be delivered, and mail from nobody to many.",
        why="Bounces of bounces never end.",
        how="A report to a sender that refuses it; the queue drains and nothing answers nobody.",
    ),
    threat(
        "B06", "A thousand subscriptions", surface="bounces", essay="D-5", motives="H$", failure="Tl u ≠ V2",
        what="A victim's address is entered into thousands of forms; all confirm.",
        why="The one letter that matters drowns, which is the purpose.",
        how="First letters from very many domains, and a few from people known; these are in the Inbox.",
    ),
    threat(
        "B07", "Forged reports", surface="bounces", essay="D-1", motives="$", enabling="SF-d", failure="C u ≠ V2",
        profiles="essay",
        what="Reports about mail that we never sent.",
        why="They carry spam past filters, and tell lies about what was delivered.",
        how="Forged ones beside a real one; only the real one is in the Inbox.",
    ),
    threat(
        "B08", "Aliases that explode", surface="bounces", essay="D-9", motives="A", attack="IM IA", enabling="SF-d",
        failure="H u = V2", limits="L23",
        what="Aliases of aliases that multiply, or lead to themselves.",
        why="One letter becomes millions.",
        how="Deep and wide aliases; what they stand for is bounded, a circle is found.",
    ),
)  # fmt: skip
