"""What was promised is there: kills, power cuts, disks, nodes, upgrades."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "P01", "Killed at any moment", surface="persistence", essay="F1", motives="A", attack="HW IM", enabling="SF-d",
        failure="C u ≠ V4",
        what="The process is killed at any point of its work.",
        why="What was acknowledged must be there, once.",
        how="Kills under load and a ledger outside; every acknowledged message is found.",
    ),
    threat(
        "P02", "The power goes", surface="persistence", essay="F1", motives="A", attack="HW", enabling="SF-d",
        failure="C u ≠ V4",
        what="Everything not yet on disk is gone.",
        why="A kill forgives a missing fsync; a power cut does not.",
        how="A file system under load is stopped as by a power cut, and mounted again; every acknowledged message is found.",
    ),
    threat(
        "P03", "The disk says no", surface="persistence", essay="F1", motives="A", attack="HW", enabling="SF-d",
        failure="C u ≠ V4",
        what="Errors of write, fsync, rename and open.",
        why="An error that is retried as if nothing were loses mail in silence.",
        how="The n-th call fails, for every n; nothing acknowledged is missing.",
    ),
    threat(
        "P04", "A broken database", surface="persistence", essay="F1", motives="A", attack="HW", failure="C u ≠ V4",
        what="Flipped bits in tables and logs.",
        why="Silent corruption spreads into backups.",
        how="Bits flipped in a copy; found, or harmless.",
    ),
    threat(
        "P05", "A rotten message", surface="persistence", essay="F1", motives="A", attack="HW", enabling="SF-d",
        failure="C u ≠ V4",
        what="Octets of a stored message change.",
        why="It would be served as if it were genuine.",
        how="Stored bodies changed; never served in silence.",
    ),
    threat(
        "P06", "A machine is lost", surface="persistence", essay="D-11 F1", motives="SA", attack="HW IA",
        enabling="SF-d", failure="H s = V3", profiles="essay",
        what="One of the machines is gone.",
        why="One server for everything is one failure for everything.",
        how="A node of a cell is killed under load; others accept, nothing acknowledged is lost.",
    ),
    threat(
        "P07", "The line is cut", surface="persistence", essay="F1", motives="A", attack="HW", enabling="SF-d",
        failure="Tl s = V2",
        what="No road to the other office for minutes or days.",
        why="Mail inside must go on, mail outside must wait and then go, once.",
        how="The sink goes away and comes back; everything arrives once.",
    ),
    threat(
        "P08", "Two servers, one store", surface="persistence", essay="F1", motives="A", attack="IM HW",
        failure="C u ≠ V4",
        what="A second instance, or one that woke up late.",
        why="Both would deliver, and both would write.",
        how="A second server on the same directory; it refuses.",
    ),
    threat(
        "P09", "Half an upgrade", surface="persistence", motives="A", attack="IM", enabling="SF-d", failure="H s = V3",
        what="Killed amid a migration; an old program on new data.",
        why="Half a schema is no schema.",
        how="Kills at every step; the old program refuses politely.",
    ),
    threat(
        "P10", "Backup and restore", surface="persistence", motives="A", attack="IM", enabling="SF-d",
        failure="C u ≠ V4",
        what="A backup made under load, restored elsewhere.",
        why="A backup nobody restored is a hope.",
        how="Restore and compare with the ledger.",
        needs="posthouse backup",
    ),
    threat(
        "P11", "A message that kills", surface="persistence", essay="D-4", motives="S", failure="E u = V3",
        what="One message crashes whoever touches it.",
        why="Restarted, the server touches it again.",
        how="Whichever worker looks at one message is killed; others flow, it is put off or put aside.",
    ),
)  # fmt: skip
