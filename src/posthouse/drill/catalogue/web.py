"""Webmail, administration, HTTP. Of these there are figures for operators alone; most attacks wait."""

from posthouse.drill.threat import Threat, threat

WEBMAIL = "webmail"
HTTP = "a service over HTTP"


def _web(
    ident: str, title: str, what: str, why: str, how: str, *, failure: str = "C u ≠ V4", motives: str = "E",
    cves: str = "", enabling: str = "SF-n", attack: str = "IA", needs: str = WEBMAIL, profiles: str = "full",
    limits: str = "",
) -> Threat:  # fmt: skip
    return threat(
        ident, title, surface="web", essay="D-13", what=what, why=why, how=how, failure=failure, motives=motives,
        cves=cves, enabling=enabling, attack=attack, needs=needs, profiles=profiles, limits=limits,
    )  # fmt: skip


THREATS = (
    _web(
        "W01", "Scripts in mail", "Active content in bodies, subjects, names, attachments, drafts.",
        "A letter that is only looked at takes the mailbox over.",
        "A corpus through every field, in a browser if there is one.",
        cves="CVE-2023-5631 CVE-2023-43770 CVE-2024-37383 CVE-2024-42008 CVE-2024-42009 CVE-2025-68461 CVE-2026-54433",
        profiles="essay",
    ),
    _web(
        "W02", "Styles that cover and leak", "Overlays, fonts and addresses in styles.",
        "They imitate our own buttons and tell who reads.", "Many styles; no request, nothing outside the frame.",
        enabling="SF-d", failure="C u ≠ V2", cves="CVE-2026-35544 CVE-2024-42010 CVE-2025-68460",
    ),
    _web(
        "W03", "Attachments that run", "HTML, SVG and PDF served as our own pages.",
        "They are then our own scripts.", "Every type; headers exact, never inline.", cves="CVE-2026-35539",
    ),
    _web(
        "W04", "Who read it when", "Pictures and other things fetched from the sender.",
        "Opening a letter tells the sender where and when.", "Every loading vector; the collector hears nothing.",
        enabling="SF-d", motives="RE", failure="C u ≠ V2",
    ),
    _web(
        "W05", "Requests forged by another page", "Another page sends our requests with our cookie.",
        "It acts as the reader.", "Every route that changes something, from elsewhere; refused.",
        cves="CVE-2026-35538 CVE-2020-12626", profiles="essay",
    ),
    _web(
        "W06", "Stolen and fixed sessions", "Session ids chosen, replayed, deserialised.",
        "Whoever has the id is the reader.", "Fixation, replay after logout and after a new password.",
        cves="CVE-2025-49113 CVE-2026-35537 CVE-2022-27924", profiles="essay",
    ),
    _web(
        "W07", "Headers from a form", "Line ends in subject, names, attachments.",
        "A form becomes an open relay.", "Fuzzed fields; the header has what was meant.", motives="$",
        cves="CVE-2024-6923 CVE-2025-11468 CVE-2026-1299", failure="C u ≠ V3",
    ),
    _web(
        "W08", "Commands through the web", "SQL, IMAP, LDAP and Sieve in search fields and names.",
        "The page's rights are the server's.", "Payloads in every field; only constant statements run.",
        cves="CVE-2026-35538 CVE-2026-48842", profiles="essay",
    ),
    _web(
        "W09", "Fetching for a page", "Proxies, previews and pushes that reach inside.",
        "The server is behind the firewall, the attacker is not.", "Private addresses through every helper; none is reached.",
        cves="CVE-2026-35540", needs="a helper that fetches over HTTP", failure="C u ≠ V3",
    ),
    _web(
        "W10", "Frames, tabs and redirects", "Our pages in a frame, links that change the page behind them.",
        "Clicks go where the reader does not see.", "Headers of every route.", failure="C u ≠ V2", needs=HTTP,
    ),
    _web(
        "W11", "Administration for all", "Consoles on public addresses, first passwords in manuals.",
        "It is the fastest way in.", "A fresh install: ports that answer, logins that everybody knows.",
        enabling="SF-d", attack="IM", needs="",
    ),
    _web(
        "W12", "Links visited by themselves", "Unsubscribe and previews without a click.",
        "It confirms the address, and acts for the reader.", "Mail opened; nothing is fetched.", enabling="SF-d",
        failure="C u ≠ V1",
    ),
    _web(
        "W13", "Encrypted mail that leaks", "Ciphertext in foreign HTML, signatures that seem to hold.",
        "The reader's own program decrypts for the attacker.", "Known cases; no request, no false good.",
        cves="CVE-2017-17688 CVE-2017-17689 CVE-2018-19205 CVE-2019-10740 CVE-2026-0818", enabling="SF-d",
        needs="encryption in webmail",
    ),
    _web(
        "W14", "HTTP itself", "Lengths that disagree, slow bodies, resets by the thousand.",
        "Two servers see two requests; slots are kept.", "Thirty smuggling pairs, large heads, slow requests; one answer each and the end.",
        cves="CVE-2023-44487", needs="", limits="L36", motives="S", failure="H u = V2",
    ),
    _web(
        "W15", "Configuration that gives names away", "Automatic configuration asks for or tells accounts.",
        "Clients send passwords to whoever answers.", "Known and unknown names; same octets, no login asked.",
        attack="IM IA", needs="automatic configuration of clients",
    ),
    _web(
        "W16", "Calendars that repeat for ever", "Rules that expand to the year 9999.",
        "One invitation, millions of rows.", "Such a rule; a thousand items and no more.", cves="CVE-2025-59045",
        needs="calendars", motives="S", failure="H u = V2",
    ),
)  # fmt: skip
