"""MIME, and what travels in it."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "M01", "Parts in parts in parts", surface="content", essay="D-3", motives="S", failure="H u = V2",
        cves="CVE-2020-12100 CVE-2026-26312", limits="L9", profiles="quick",
        what="Multiparts and messages nested thousands deep.",
        why="A parser that calls itself runs out of stack.",
        how="Depths up to twenty thousand; stored as it came, its structure still told.",
    ),
    threat(
        "M02", "A million parts", surface="content", essay="D-3", motives="S", failure="H u = V2",
        cves="CVE-2024-4140 CVE-2026-116270", limits="L10 L11",
        what="Very many parts, boundaries that are empty, huge, or the beginning of another.",
        why="An index of all of them is larger than the message.",
        how="Each shape; taken whole, indexed to the limit, others wait for nothing.",
    ),
    threat(
        "M03", "Headers without end", surface="content", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="CVE-2024-23184 CVE-2024-23185 CVE-2026-27852", limits="L4 L5 L6 L7",
        what="A hundred thousand fields, megabytes of addresses.",
        why="Parsed at each listing of a mailbox, they cost again and again.",
        how="Over each limit and at it; refused, or listed at once.",
    ),
    threat(
        "M04", "Comments, continuations, encoded words", surface="content", essay="D-3", motives="S", failure="H u = V2",
        cves="CVE-2026-27859 CVE-2026-55619 CVE-2026-47088 CVE-2026-90776", limits="L8",
        what="Tens of thousands of each, nested where they can be.",
        why="They are where parsers backtrack and recurse.",
        how="Each at n, 2n and 4n; linear, and nothing crashes.",
    ),
    threat(
        "M05", "Broken encodings", surface="content", essay="D-3", motives="S$", failure="E u = V2",
        cves="CVE-2020-7046 CVE-2006-1338",
        what="Base64 and quoted-printable that end amid a letter, charsets nobody knows, UTF-7.",
        why="Decoders fail, or give what the scanner did not see.",
        how="Mutated bodies, read and searched by IMAP; answered, and nobody stumbles.",
    ),
    threat(
        "M06", "Two readings of one message", surface="content", essay="D-10", motives="$", attack="IA VW",
        failure="C u ≠ V3", cves="CVE-2024-28054 CVE-2024-39929 CVE-2026-116266 CVE-2026-116272",
        what="Doubled fields and boundaries, comments in parameters: scanner and reader see different parts.",
        why="Malware passes because the scanner read the other half.",
        how="The EICAR test file in ambiguous wrappers; none is delivered unmarked, odd clean mail is.",
    ),
    threat(
        "M07", "Archives that burst", surface="content", essay="D-4 D-10", motives="S", failure="H u = V2",
        cves="CVE-2026-62641 CVE-2026-62642",
        what="Small archives of terabytes, archives of themselves, entries without end.",
        why="Who unpacks them fills memory, disk or time.",
        how="Bombs made on the spot; bounded, called unscannable, the loop does not notice.",
    ),
    threat(
        "M08", "Viruses and worms", surface="content", essay="D-10", motives="$", attack="VW", enabling="SF-d",
        failure="C u ≠ V3", profiles="essay",
        what="Malware as an attachment: plain, zipped, in a message, under a second name, behind a password.",
        why="SMTP carries whatever it is given; one opened attachment is an office lost.",
        how="The EICAR test file in each form; none reaches an Inbox, an honest attachment does.",
    ),
    threat(
        "M09", "Names of attachments", surface="content", essay="D-10", motives="E", failure="C u ≠ V3",
        cves="CVE-2016-1000282 CVE-2025-59031 CVE-2023-47272",
        what="Paths, devices, line ends, and text that turns around, as file names.",
        why="A name that becomes a path writes where it likes.",
        how="Hostile names; no file of that name appears, and structures are still told.",
    ),
    threat(
        "M10", "Messages in pieces, bodies elsewhere", surface="content", essay="D-10", motives="$", enabling="SF-d",
        failure="C u ≠ V3",
        what="message/partial and external-body.",
        why="Malware in pieces is seen by no scanner, and fetching is done for a stranger.",
        how="The EICAR test file in three pieces; held or marked, nothing is put together or fetched.",
    ),
)  # fmt: skip
