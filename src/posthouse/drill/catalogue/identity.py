"""Who a message is from, and what a reader is shown."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "D01", "Plain spoofing", surface="identity", essay="D-6", motives="$E", enabling="SF-d", failure="C u ≠ V3",
        profiles="essay quick",
        what="A stranger writes our own domain, or one that publishes a policy against it, as his sender.",
        why="It is how most fraud begins, and SMTP itself lets anybody do it.",
        how="Policies in our name server times outcomes: our own name is refused, a reject policy is obeyed.",
    ),
    threat(
        "D02", "Two meanings of From", surface="identity", essay="D-6", motives="$E", failure="C u ≠ V3",
        cves="CVE-2019-16378", profiles="quick",
        what="Several From fields, several addresses, comments, routes, odd spaces, encoded words.",
        why="What is checked and what is shown are then not the same.",
        how="Every ambiguous form; refused, or filed as what it is.",
    ),
    threat(
        "D03", "Forged results", surface="identity", essay="D-6", motives="$E", failure="C u ≠ V3",
        what="Authentication-Results, Return-Path and Received that the sender wrote himself, in our name.",
        why="Readers and filters believe what seems to be ours.",
        how="A dozen forgeries; none may survive in the mailbox.",
    ),
    threat(
        "D04", "Weak signatures", surface="identity", essay="D-6", motives="$E", enabling="SF-d", failure="C u ≠ V3",
        limits="L38",
        what="DKIM with l=, small keys, old hashes, unsigned and doubled fields, expired or from the future.",
        why="Each lets a stranger change what was signed and keep the pass.",
        how="Signed messages from our own zone, changed; none gives pass.",
    ),
    threat(
        "D05", "A good message a thousand times", surface="identity", essay="D-6", motives="$", enabling="SF-d",
        failure="C u ≠ V2",
        what="One message with a good signature, sent on to everybody.",
        why="The signer's good name carries the spam.",
        how="The same message to many of ours; its reputation goes, mailing lists keep theirs.",
    ),
    threat(
        "D06", "Forwarding launders", surface="identity", essay="D-6", motives="$E", enabling="SF-d", failure="C u ≠ V3",
        what="ARC chains of strangers, forwarding that adds our name to what failed.",
        why="The next server believes us.",
        how="Chains of all kinds from sealers nobody chose; ignored.",
    ),
    threat(
        "D07", "SPF that allows the world", surface="identity", essay="D-6", motives="$", attack="IM", enabling="SF-d",
        failure="C u ≠ V3",
        what="Records with +all, huge ranges, includes that lead nowhere.",
        why="Everybody in a shared cloud passes as the domain.",
        how="A corpus of bad records for the adviser; each is found.",
    ),
    threat(
        "D08", "SPF as an amplifier", surface="dns", essay="D-4 D-6", motives="S", enabling="SF-d", failure="Tl s = V2",
        limits="L37",
        what="Records that make the receiver ask and ask, slowly.",
        why="One small message costs the server minutes and a third party its bandwidth.",
        how="The worst records in our zone; questions and seconds are counted.",
    ),
    threat(
        "D09", "Signatures as a weapon", surface="identity", essay="D-4 D-6", motives="S", failure="H u = V2",
        cves="CVE-2022-3620", limits="L38",
        what="Hundreds of signatures, huge keys, crafted key records, bodies that cost much to hash.",
        why="Cryptography for a stranger is CPU for a stranger.",
        how="Each shape beside the canary; CPU and memory are watched.",
    ),
    threat(
        "D10", "Names that look alike", surface="identity", essay="D-6", motives="$", enabling="SF-d",
        failure="C u ≠ V3", cves="CVE-2019-15237",
        what="Lookalike letters, names that are addresses, text that turns around, hidden characters.",
        why="Readers see the name and believe it.",
        how="Twenty-four cases by mail; refused, put aside, or marked in the line that readers' programs show.",
    ),
    threat(
        "D11", "Reports as a weapon", surface="identity", essay="D-4", motives="SH", failure="H u = V2", limits="L40",
        what="Archive and XML bombs as DMARC or TLS reports, report addresses of third parties.",
        why="A server that reads reports by itself opens what strangers send.",
        how="Bombs to the report address; bounded, and nobody else gets mail for it.",
    ),
)  # fmt: skip
