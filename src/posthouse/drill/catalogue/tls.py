"""TLS and DNS."""

from posthouse.drill.threat import threat

THREATS = (
    threat(
        "T01", "Commands before the handshake", surface="tls", essay="D-6", motives="E", failure="C u ≠ V3",
        cves="CVE-2011-0411 CVE-2021-33515 CVE-2024-34083", profiles="quick",
        what="A command in the same breath as STARTTLS, from somebody on the line.",
        why="If it is run after the handshake, a stranger has spoken inside a session he cannot read.",
        how="SMTP, submission, IMAP and POP3, in one piece and a moment later; nothing may be heard inside.",
    ),
    threat(
        "T02", "Replies before the handshake", surface="tls", essay="D-6", motives="E", failure="C u ≠ V3",
        cves="CVE-2021-38371",
        what="The server we send to, or somebody before it, adds replies to that of STARTTLS.",
        why="They would be read as answers to commands sent inside TLS.",
        how="A hostile server injects three replies; the connection must end and the message be tried again.",
    ),
    threat(
        "T03", "TLS taken away on the road", surface="tls", essay="D-6", motives="E", enabling="SF-d", failure="C u = V3",
        what="STARTTLS struck from the offer, failing handshakes, wrong certificates, policies that vanish from the DNS.",
        why="Mail goes in the clear although its receiver asked for TLS.",
        how="Ten scenes with a name server and a hostile server; delivered only where the policy allows it.",
    ),
    threat(
        "T04", "Old protocols and lent tickets", surface="tls", motives="E", attack="IA IM", enabling="SF-d",
        failure="C u = V3",
        what="Old TLS versions, weak ciphers, a session ticket of one service shown to another.",
        why="What was agreed for one door must not open another, and broken protocols protect nothing.",
        how="Every version at every service; a ticket of IMAP at submission.",
    ),
    threat(
        "T05", "Another protocol's TLS", surface="tls", motives="E", enabling="SF-d", failure="C u ≠ V3",
        what="A browser is led to a mail port that shows the same certificate.",
        why="What the mail server reflects would run as a page of the web server.",
        how="ALPN of the web, wrong names, and HTTP verbs inside; refused, and nothing is echoed.",
    ),
    threat(
        "T06", "Handshakes that never end", surface="tls", essay="D-4", motives="S", failure="H u = V2",
        cves="CVE-2014-3430 CVE-2017-15130", limits="L14",
        what="Half-open handshakes and random server names by the thousand.",
        why="Each costs memory or cryptography before anybody has said who he is.",
        how="As many as one may; others go on being served and all is given back.",
    ),
    threat(
        "T07", "Fetching for a stranger", surface="tls", essay="D-13", motives="E", failure="C u ≠ V3", limits="L39",
        what="Names that lead our own fetches (policies, pictures, push) to addresses inside.",
        why="The server would be the attacker's hand behind the firewall.",
        how="Domains that want reports by HTTPS at addresses inside, written in twenty ways; no connection may arrive.",
    ),
    threat(
        "T08", "Answers made to break a parser", surface="dns", essay="D-4", motives="S", failure="H u = V2",
        cves="CVE-2023-50387 CVE-2023-42219",
        what="Corrupt, endless and enormous DNS answers, TLSA records of any length.",
        why="A name server of the attacker's speaks to our parser whenever we send him mail.",
        how="Fuzzed answers from our own name server; mail waits, nothing crashes, no time is lost.",
    ),
    threat(
        "T09", "Forged answers", surface="dns", essay="D-6", motives="E", enabling="SF-d", failure="C u ≠ V3",
        what="Answers from somebody who was not asked, for the question we just put.",
        why="A poisoned MX gets our mail.",
        how="Floods with wrong ids and from wrong ports; none may be believed.",
    ),
)  # fmt: skip
