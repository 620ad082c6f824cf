"""SMTP: framing, state and commands, and the server we send to."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "S01", "Smuggling into us", surface="smtp", essay="D-6", motives="$E", enabling="SF-d", failure="C u ≠ V3",
        cves="CVE-2023-51764 CVE-2023-51765 CVE-2023-51766 CVE-2024-27305", profiles="quick",
        what="A content holds what some servers take for its end, and behind it a whole second transaction.",
        why="The second message would seem to come from a server that others trust, with any sender.",
        how="24 false ends by DATA (whole and split) and by BDAT; then the mailbox is read for a second message.",
    ),
    threat(
        "S02", "Smuggling out of us", surface="smtp", essay="D-6", motives="$E", enabling="SF-d", failure="C u ≠ V3",
        cves="CVE-2026-33604",
        what="One of our users stores or submits stray CR and LF so that our sender writes an end mark of its own.",
        why="The next server would take the rest as a message from us, signed and trusted.",
        how="Hostile bodies by submission, read at a sink that counts every line end.",
    ),
    threat(
        "S03", "Talking out of turn", surface="smtp", essay="D-4", motives="$", enabling="SF-d", failure="C u ≠ V3",
        profiles="quick",
        what="Commands before the greeting, behind DATA or STARTTLS, and web browsers made to POST to a mail port.",
        why="Who does not wait for answers is a robot; what it pipelines may be run in the wrong state.",
        how="Early data at every point where a client must wait; none of it may be carried out.",
    ),
    threat(
        "S04", "A command that never ends", surface="smtp", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="GHSA-fv2f-rw9f-v9cm", limits="L2", profiles="essay quick",
        what="Octets without a line end, for as long as somebody takes them.",
        why="A server that waits for the end of the line buffers until its memory is gone.",
        how="Many connections pour one endless line; counted is what the server takes, and what it takes up.",
    ),
    threat(
        "S05", "Larger than it may be", surface="smtp", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="CVE-2024-23185", limits="L1 L3 L4 L5 L6", profiles="essay quick",
        what="Endless lines and headers, a SIZE that lies, sizes that no integer holds.",
        why="Whatever is kept whole in memory, or on disk before it is refused, is a way to fill either.",
        how="Each shape once, by its code; the twin is a large message in ordinary lines.",
    ),
    threat(
        "S06", "Line ends in an envelope", surface="smtp", essay="D-3", motives="$", failure="C u ≠ V3",
        cves="CVE-2026-55558 CVE-2025-15366 CVE-2025-15367", limits="L2",
        what="CR, LF or NUL hidden in an address, a hello, ENVID or ORCPT, to be written into the next session.",
        why="Our own sender would speak the attacker's commands to other servers.",
        how="Encoded line ends at each parameter; the sink may hear expected verbs only.",
    ),
    threat(
        "S07", "State that outlives a refusal", surface="smtp", essay="D-3 D-4", motives="$", failure="C u ≠ V3",
        what="Commands after errors: DATA after a failed BDAT, RCPT after a refused content, EHLO in the middle.",
        why="What is left of a refused transaction may let the next one pass without its checks.",
        how="Random walks of commands with faults, compared with a small model; delivered is what the model says.",
    ),
    threat(
        "S08", "Chunks as a weapon", surface="smtp", essay="D-3 D-4", motives="S", failure="H u = V2",
        cves="CVE-2026-45185 CVE-2017-16943", limits="L1",
        what="Millions of chunks of one octet, chunks of absurd size, chunks without a transaction, TLS that ends amid one.",
        why="Bookkeeping per chunk grows without bound; a half-closed TLS has led to code execution elsewhere.",
        how="The four cases; memory is watched, and nothing after close_notify may be heard.",
    ),
    threat(
        "S09", "Parameters out of grammar", surface="smtp", essay="D-3", motives="SR", failure="E u = V1",
        limits="L2",
        what="Doubled, unknown, overlong and malformed parameters of MAIL and RCPT.",
        why="Optional code is the least tested code.",
        how="Some hundred fuzzed lines; only the codes for bad syntax may be answered.",
    ),
    threat(
        "S10", "Addresses that are code", surface="smtp", essay="D-3", motives="E", failure="C u ≠ V4",
        cves="CVE-2020-7247 CVE-2019-10149 CVE-2025-26794 CVE-2026-24031 CVE-2017-2669 CVE-2020-10967",
        what="Shell, SQL, LDAP, path and template syntax in local-parts.",
        why="An address that reaches a shell or a query unquoted runs as the server.",
        how="Payloads in every place an address may stand; no file outside the store, no process, no other row.",
    ),
    threat(
        "S11", "A hundred thousand recipients", surface="smtp", essay="D-3 D-9", motives="SA", attack="IA IM",
        enabling="SF-d", failure="H u = V2", cves="CVE-1999-0144", limits="L12",
        what="RCPT without end in one transaction, the same one again and again, and a To field as long.",
        why="Each recipient costs memory; a list that grows without bound is the oldest attack on SMTP.",
        how="Far more RCPTs than allowed; so many are taken as the limit says, and those get their mail.",
    ),
    threat(
        "S12", "One message, many copies", surface="smtp", essay="D-9", motives="$SA", attack="IM IA", enabling="SF-d",
        failure="Tl s = V2", limits="L27", profiles="quick essay",
        what="One large message to fifty people outside, over a thin line.",
        why="A copy for each of them fills the line ten times over and nobody else's mail moves.",
        how="Counted at the sink: transfers for the recipients of one host, and when a small letter overtakes.",
    ),
    threat(
        "S13", "Asking who exists", surface="smtp", essay="D-2", motives="$R", enabling="SF-d", failure="C u = V1",
        limits="L20 L29",
        what="Dictionaries of names by VRFY, EXPN and RCPT, and a clock at each answer.",
        why="A list of addresses that exist is worth money and is the first step of every other attack.",
        how="Known and unknown names mixed: same words, no difference in time, and soon no answer at all.",
    ),
    threat(
        "S14", "Claims about the client", surface="smtp", essay="D-7", motives="$", enabling="SF-d", failure="C u = V4",
        what="PROXY and XCLIENT from strangers, who claim to be local.",
        why="A server that believes them relays for whoever says so.",
        how="Both claims in all their forms; refused, and no right comes of them.",
    ),
    threat(
        "S15", "The server that we send to is hostile", surface="smtp", essay="D-4", motives="S", failure="Tl u ≠ V2",
        cves="CVE-2020-8794 CVE-2026-43964 CVE-2021-38371", limits="L26",
        what="Endless greetings and replies, one octet at a time, wrong codes, a break after the final dot.",
        why="A sender that trusts the other side stalls its queue, loses mail or copies replies into reports.",
        how="A server of ours plays each trick while other mail goes out; every message ends well known.",
    ),
)  # fmt: skip
