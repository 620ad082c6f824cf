"""Relaying, authentication, accounts."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "A01", "Open relay", surface="accounts", essay="D-7", motives="$", attack="IA IM", enabling="SF-d",
        failure="C u = V4", profiles="quick essay",
        what="Strangers send through us to others: forty ways to write an address, three senders, before and after TLS.",
        why="A relay for all is on every block list within hours, and then nobody takes our own mail.",
        how="Every form from a new address; 550 5.7.1, and the sink gets nothing but the twin's letter.",
    ),
    threat(
        "A02", "Guessing from one address", surface="accounts", essay="D-8", motives="$", enabling="IM",
        failure="C u = V3", limits="L21", profiles="essay",
        what="Passwords tried one after the other, at all doors.",
        why="A mailbox with a guessed password is an open relay with a good name.",
        how="Guesses over SMTP, IMAP and POP3 from one address: counted together, slowed and then refused.",
    ),
    threat(
        "A03", "Guessing from a thousand addresses", surface="accounts", essay="D-8", motives="$", enabling="IM",
        failure="C u = V3", limits="L21",
        what="One guess from each address, or one password for all accounts.",
        why="Limits per address never see it.",
        how="Many strangers, one account and many; an alarm is raised and the owners still get in.",
    ),
    threat(
        "A04", "Which account exists", surface="accounts", essay="D-8", motives="$R", failure="C u = V1",
        cves="CVE-2026-27856",
        what="Different words, or a different time, for accounts that exist and for those that do not.",
        why="It halves the work of guessing and tells whom to write to.",
        how="Known and unknown names mixed at each door; same octets, no difference in time.",
    ),
    threat(
        "A05", "Weak passwords", surface="accounts", essay="D-8", motives="$", attack="IM", enabling="SF-d",
        failure="C u = V3", limits="L41", profiles="essay quick",
        what="Passwords that everybody tries first.",
        why="No limit on guesses saves an account whose password is the third guess.",
        how="Common passwords offered for a new account; all refused, a good one taken.",
    ),
    threat(
        "A06", "An account in wrong hands", surface="accounts", essay="D-8", motives="$", enabling="IM",
        failure="E u = V3", limits="L27",
        what="A stolen password is used to send to thousands of strangers.",
        why="Our own good name is what the thief came for.",
        how="An account writes to many it never wrote to; few leave, the rest is held and somebody is told.",
    ),
    threat(
        "A07", "SASL as a weapon", surface="accounts", essay="D-4", motives="S", failure="H u = V2",
        cves="CVE-2011-1720 CVE-2017-15132 CVE-2025-59028", limits="L2",
        what="Exchanges without end, cancelled by the thousand, broken encodings, iteration counts that take an hour.",
        why="Code before login is open to the world, and a broken exchange has stopped others' logins elsewhere.",
        how="Fuzzed and cancelled exchanges beside honest logins.",
    ),
    threat(
        "A08", "One of ours in another's name", surface="accounts", essay="D-6", motives="$", enabling="SF-d",
        failure="C u ≠ V3", cves="CVE-2024-7208 CVE-2025-68624", profiles="quick",
        what="A user who is logged in writes another's address into the envelope or the header.",
        why="It would leave with our signature.",
        how="Twenty forms of a foreign From; refused, or what leaves is honest.",
    ),
    threat(
        "A09", "Logins that get mixed up", surface="accounts", essay="D-8", motives="E", failure="C u ≠ V4",
        cves="CVE-2025-30189 CVE-2026-27855 CVE-2026-35541",
        what="Many logins at once with each other's passwords; codes used twice.",
        why="A cache with the wrong key lets one in as another.",
        how="Crossed and right passwords in parallel at all doors; not one wrong yes.",
    ),
    threat(
        "A10", "Passwords in the clear", surface="accounts", essay="D-8", motives="E", enabling="SF-d",
        failure="C u = V4", profiles="quick",
        what="Logins offered or taken without TLS.",
        why="Whoever is on the line reads them.",
        how="Offers of every door before TLS, and a login forced all the same.",
    ),
    threat(
        "A11", "Recovery as a back door", surface="web", essay="D-8", motives="E", failure="C u ≠ V4",
        what="Reset mails with a forged host, reset tokens used twice, codes raced.",
        why="Who can reset a password needs none.",
        how="Forged headers and ten uses of one token at once.",
        needs="password recovery (webmail)",
    ),
)  # fmt: skip
