"""IMAP, POP3, JMAP, Sieve."""

from posthouse.drill.threat import threat

JMAP = "JMAP"
SIEVE = "Sieve"

THREATS = (
    threat(
        "I01", "Literals that fill memory", surface="imap", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="CVE-2024-34055 CVE-2024-37358 CVE-2025-61600 CVE-2025-43857", limits="L31",
        what="Literals of gigabytes, by the thousand, before and after login.",
        why="A server that makes room first and looks later is dead; one that stops amid a literal runs it as commands.",
        how="Many shapes; refused by size, and a command hidden in a literal is never run.",
    ),
    threat(
        "I02", "Search keys nested without end", surface="imap", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="CVE-2026-27857 CVE-2026-42006 CVE-2025-25186", limits="L32",
        what="Parentheses, OR and NOT by the thousand, sets that name millions.",
        why="Parsers recurse, and sets that are expanded fill memory.",
        how="Each at n, 2n and 4n; before login two levels are too many.",
    ),
    threat(
        "I03", "Lines without end, sessions without login", surface="imap", essay="D-3 D-4", motives="S",
        failure="H u = V2", limits="L30 L33",
        what="A tag of a hundred mebibytes, a login octet by octet, idle sessions before login.",
        why="Slots and memory go to people nobody knows.",
        how="Each shape many times; ended by bound or deadline, cheaply.",
    ),
    threat(
        "I04", "Compressed commands", surface="imap", essay="D-4", motives="S", failure="H u = V2",
        what="A little that inflates to very much.",
        why="It passes every limit on octets read.",
        how="A bomb after COMPRESS; ended early.",
        needs="IMAP COMPRESS",
    ),
    threat(
        "I05", "Asking without listening", surface="imap", essay="D-4", motives="S", enabling="SF-d", failure="H u = V2",
        limits="L33",
        what="Commands by the thousand, answers never read.",
        why="What is not read is kept in memory.",
        how="Readers that do not read, beside the canary; bounded, and later ended.",
    ),
    threat(
        "I06", "Reading that costs", surface="imap", essay="D-4", motives="S", failure="Tl u ≠ V2",
        cves="CVE-2021-40110 CVE-2026-33607",
        what="Patterns of a thousand wildcards, searches in everything, threads of everything.",
        why="One reader stops all others.",
        how="The dearest commands; others are served meanwhile.",
    ),
    threat(
        "I07", "Mailbox names that are paths", surface="imap", motives="E", failure="C u ≠ V4",
        cves="CVE-2021-40525 CVE-2022-22931",
        what="Dots and slashes, NUL, broken encodings, names of other people.",
        why="A name that becomes a path reads another's mail.",
        how="Hostile names; refused, or made, listed and removed again; no such file appears.",
    ),
    threat(
        "I08", "The side door", surface="imap", essay="D-6", motives="E", enabling="SF-d", failure="C u ≠ V3",
        cves="CVE-2026-33606", limits="L1 L31",
        what="Mail put there by APPEND: forged results, malware, stray line ends.",
        why="It was never checked and looks as if it had been.",
        how="Hostile messages by APPEND; stored as they are, sent on only clean, over no quota.",
    ),
    threat(
        "I09", "Another's mail", surface="imap", motives="E", failure="C u ≠ V4", cves="CVE-2020-24386",
        profiles="quick",
        what="Names, ids and states of other people's mailboxes.",
        why="It is what a mail server is there to prevent.",
        how="Every way to name another's mailbox; as if it did not exist.",
    ),
    threat(
        "I10", "POP3 abuse", surface="pop3", essay="D-4", motives="S", failure="H s = V2", limits="L33",
        what="Enormous arguments, a maildrop kept locked, a break between DELE and QUIT.",
        why="Mail vanishes that nobody has, or its owner is kept out.",
        how="Each shape; mail that was not settled is still there.",
    ),
    threat(
        "J01", "A small request, a large answer", surface="jmap", essay="D-4", motives="S", enabling="SF-d",
        failure="H u = V2", cves="CVE-2024-45626 CVE-2025-59045", limits="L34", needs=JMAP,
        what="Calls that refer to each other and ask for everything.",
        why="Ten kilobytes in, gigabytes out.", how="The worst request we know; bounded in octets and CPU.",
    ),
    threat(
        "J02", "Uploads", surface="jmap", essay="D-4", motives="SE", failure="H u = V2", limits="L34", needs=JMAP,
        what="Uploads without end, and blobs of other people.",
        why="Disk without a mailbox to charge.", how="Many uploads; a quota, and others' blobs are not found.",
    ),
    threat(
        "J03", "Streams kept open", surface="jmap", essay="D-4", motives="S", failure="H u = V2", limits="L33",
        needs=JMAP,
        what="Event streams by the hundred, changes by the thousand.",
        why="Each holds a slot and wakes for everything.", how="Many streams of one account; few are kept, changes merge.",
    ),
    threat(
        "J04", "Push to inside", surface="jmap", motives="E", failure="C u ≠ V3", needs=JMAP,
        what="Push addresses inside the network.",
        why="The server calls whom the attacker names.", how="Every way to write a private address; refused.",
    ),
    threat(
        "V01", "Scripts that never end", surface="sieve", essay="D-4", motives="S$", failure="H u = V2",
        cves="CVE-2020-28200 CVE-2026-42007", limits="L35", needs=SIEVE,
        what="Filters that compute, match and redirect without end.",
        why="They run for every message, as the server.", how="Hostile scripts; ended, and the mail is kept.",
    ),
    threat(
        "V02", "Scripts by name", surface="sieve", motives="E", failure="C u ≠ V3",
        cves="CVE-2021-40525 CVE-2025-59032 CVE-2026-27858", needs=SIEVE,
        what="Script names that are paths, rule names that are code, commands never finished.",
        why="A pasted name becomes a second rule.", how="Hostile names; one rule comes of one name.",
    ),
)  # fmt: skip
