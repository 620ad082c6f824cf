"""Secrets, logs, configuration, supply, privileges, neighbours."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "O01", "Secrets on disk", surface="operations", essay="D-13", motives="E", attack="IM", enabling="SF-d",
        failure="C u = V4", profiles="quick",
        what="Passwords and keys in files that others can read.",
        why="A stolen backup is then every mailbox.",
        how="Files of the store are searched for the passwords we know; modes are read.",
    ),
    threat(
        "O02", "Lines forged into the log", surface="operations", motives="E", failure="C u ≠ V2", cves="CVE-2011-1764",
        what="Line ends, escapes and megabytes in whatever is logged.",
        why="Who writes the log writes the evidence.",
        how="Hostile hellos, names and senders; one line each, every line parses.",
    ),
    threat(
        "O03", "Secrets in logs and replies", surface="operations", motives="E", attack="IA IM", failure="C u = V4",
        what="Passwords that appear in journals, reports or errors.",
        why="Logs are copied to many places.",
        how="Marked passwords in every command; then everything that was written is searched.",
    ),
    threat(
        "O04", "Dangerous configuration", surface="operations", essay="D-7", motives="A", attack="IM", enabling="SF-d",
        failure="C u = V4",
        what="Relay for all, limits of zero, misspelt keys.",
        why="Most breaches are settings.",
        how="Dangerous files; each is refused or warned of.",
    ),
    threat(
        "O05", "What we are made of", surface="operations", essay="D-12", motives="E", attack="ML", enabling="ML",
        failure="C u ≠ V4", cves="CVE-2024-3094", profiles="essay",
        what="A dependency with a guest in it.",
        why="Complexity is where it hides.",
        how="What the running process has loaded, counted and compared with what was declared.",
    ),
    threat(
        "O06", "More rights than needed", surface="operations", essay="D-11", motives="E", enabling="SF-d",
        failure="C u = V4", cves="CVE-2024-35179", profiles="essay",
        what="A process that is root, or may become it.",
        why="A bug is worth what the process may do.",
        how="Read from the kernel: user, groups, capabilities, no-new-privileges, limits.",
    ),
    threat(
        "O07", "A neighbour on the same machine", surface="operations", essay="D-11", motives="E", enabling="IM",
        failure="C u = V4", profiles="essay",
        what="Another service on the machine is in wrong hands.",
        why="A general-purpose server shares its fate with all it serves.",
        how="As nobody on the same machine: the store, the control socket, signals, sending without login.",
    ),
    threat(
        "O08", "Known holes", surface="operations", essay="D-12", motives="$E", attack="IM", enabling="SF-n",
        failure="C u = V4",
        what="Components with published vulnerabilities.",
        why="Most attackers read the advisories we do not.",
        how="A seeded list of components and advisories; each is found.",
    ),
    threat(
        "O09", "The control socket", surface="operations", essay="D-11", motives="E", failure="H u = V2",
        cves="CVE-2025-62875",
        what="Garbage, floods and strangers at the operators' socket.",
        why="Local users have stopped mail servers with a single line.",
        how="Fuzzed requests; each ends its own connection at most, and another user is refused.",
    ),
    threat(
        "O10", "Figures for everybody", surface="operations", motives="R", attack="IM IA", enabling="SF-d", failure="C u = V2",
        profiles="quick",
        what="Metrics, health and debug pages.",
        why="They name accounts, peers and versions.",
        how="Whatever answers without a login is read for names; paths are guessed.",
    ),
    threat(
        "O11", "Defences turned around", surface="operations", essay="D-4 D-8", motives="H", enabling="SF-d",
        failure="H s = V3", cves="CVE-2026-33263 CVE-2025-59028", limits="L21",
        what="Failing logins in the victim's name, limits reached on his behalf.",
        why="A defence that locks its owner out is a weapon.",
        how="Guesses at one account from many addresses; its owner, from a known one, gets in.",
    ),
)  # fmt: skip
