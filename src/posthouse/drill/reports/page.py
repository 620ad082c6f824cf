"""One HTML page that needs nothing else: no script, no request, pictures as SVG within it."""

from collections.abc import Mapping
from html import escape
from typing import Any

from posthouse.drill.reports.picture import bars, matrix, ring
from posthouse.drill.reports.text import classes, duration
from posthouse.drill.taxonomy import FAULT_CLASSES, SEVERITIES, WEAKNESSES

STYLE = """
:root{--held:#1a7f4b;--broken:#c62828;--unproven:#b9bec5;--partly:#6aa887;--ink:#1c2024;--soft:#5b636d;--line:#dde1e6;
--page:#fff;--card:#f6f7f9}
@media(prefers-color-scheme:dark){:root{--held:#38a169;--broken:#ef5350;--unproven:#5b636d;--partly:#2f6f50;
--ink:#e8eaed;--soft:#a2abb5;--line:#343a42;--page:#15181c;--card:#1d2126}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px 20px}h1{font-size:26px;margin:0 0 4px}
h2{font-size:18px;margin:36px 0 10px}
p.facts{color:var(--soft);margin:0}
.top{display:flex;gap:28px;align-items:center;flex-wrap:wrap}.ring{width:150px;flex:none}
.sums{display:flex;gap:12px;flex-wrap:wrap;margin-top:14px}.sum{background:var(--card);border:1px solid var(--line);
border-radius:8px;padding:8px 16px}.sum b{display:block;font-size:22px}.sum span{color:var(--soft);font-size:13px}
svg text{font:13px system-ui,sans-serif;fill:var(--ink)}svg .number{fill:var(--soft);font-size:12px}
svg .big{font-size:28px;font-weight:600}svg .inside{fill:#fff;font-weight:600}
.bars,.matrix{width:100%;max-width:860px;height:auto}.held{fill:var(--held)}.broken{fill:var(--broken)}
.unproven{fill:var(--unproven)}.partly{fill:var(--partly)}.empty{fill:var(--card);stroke:var(--line)}
.arc{fill:none}.arc.held{stroke:var(--held)}.arc.broken{stroke:var(--broken)}.arc.unproven{stroke:var(--unproven)}
details{border:1px solid var(--line);border-radius:8px;margin:6px 0;background:var(--card)}
summary{padding:8px 12px;cursor:pointer;display:flex;gap:12px;align-items:baseline}
summary .id{font-weight:600;width:42px;flex:none}summary .what{flex:1}summary .class{color:var(--soft);font-size:13px}
.tag{font-size:12px;font-weight:600;border-radius:4px;padding:1px 8px;color:#fff;flex:none}
.tag.HELD{background:var(--held)}
.tag.BROKEN{background:var(--broken)}.tag.UNPROVEN{background:var(--unproven);color:var(--ink)}
.inner{padding:0 14px 12px;font-size:14px;overflow-x:auto}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:3px 8px 3px 0;border-bottom:1px solid var(--line);vertical-align:top;font-size:13px;
overflow-wrap:anywhere}td:nth-child(-n+2),th{overflow-wrap:normal}td:first-child{white-space:nowrap}
.top>div{flex:1;min-width:320px}td.no{color:var(--broken);font-weight:600}footer{color:var(--soft);font-size:13px;margin-top:36px;
overflow-wrap:anywhere}
"""


def format_page(document: Mapping[str, Any], texts: Mapping[str, tuple[str, str]]) -> str:
    """``texts`` gives for each id what the attack is and why it harms."""
    matrices = document["matrices"]
    weakness = [
        (f"{name}  {WEAKNESSES[name][0]} ({WEAKNESSES[name][1]})", counts)
        for name, counts in matrices["weakness"].items()
    ]
    failure = [(f"{code}  {SEVERITIES[code]}", counts) for code, counts in matrices["failure"].items()]
    titles = {code: f"{code}  {one.title}" for code, one in FAULT_CLASSES.items()}
    run = document["run"]
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
            f"<title>Drill {escape(run['profile'])} {escape(run['id'])}</title>",
            f"<style>{STYLE}</style></head><body><main>",
            _head(document),
            "<h2>By the essay's weaknesses</h2>", bars(weakness, "the essay's weaknesses"),
            "<h2>By the failure avoided, worst first</h2>", bars(failure, "failures avoided"),
            "<h2>Faults (rows) and failures (columns): held of all</h2>", matrix(matrices["fault_by_severity"], titles),
            "<h2>Every entry</h2>",
            *(_entry(one, texts.get(one["id"], ("", ""))) for one in _worst_first(document)),
            _foot(document),
            "</main></body></html>\n",
        ]
    )  # fmt: skip


def _worst_first(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    order = {"BROKEN": 0, "HELD": 1, "UNPROVEN": 2}
    return sorted(document["results"], key=lambda one: (order[one["verdict"]], one["failure"]["severity"] != "V4"))


def _head(document: Mapping[str, Any]) -> str:
    run, totals, ledger = document["run"], document["totals"], document["ledger"]
    sums = [(totals["HELD"], "held"), (totals["BROKEN"], "broken"), (totals["UNPROVEN"], "unproven")]
    sums += [(ledger[name], f"messages {name}") for name in ("acknowledged", "lost", "altered", "duplicated")]
    boxes = "".join(f'<div class="sum"><b>{number:,}</b><span>{word}</span></div>' for number, word in sums)
    aborted = f"<p><b>Aborted:</b> {escape(run['aborted'])}</p>" if run["aborted"] else ""
    facts = (
        f"{run['started']} · server {document['server']['version']} ({document['server']['sha256'][:12]}) · "
        f"{run['target']} ({run['network']}) · {duration(run['seconds'])} · seed {document['seed']}"
    )
    return (
        f'<div class="top">{ring(totals)}<div><h1>Drill: {escape(run["profile"])}</h1>'
        f'<p class="facts">{escape(facts)}</p><div class="sums">{boxes}</div></div></div>{aborted}'
    )


def _entry(one: Mapping[str, Any], texts: tuple[str, str]) -> str:
    is_open = " open" if one["verdict"] == "BROKEN" else ""
    rows = "".join(
        f"<tr><td>{escape(row['kind'])}</td><td>{escape(row['name'])}</td><td>{escape(row['expected'])}</td>"
        f'<td class="{"" if row["ok"] else "no"}">{escape(row["observed"])}</td></tr>'
        for attempt in one["attempts"]
        for row in attempt["assertions"]
    )
    table = f"<table><tr><th></th><th>asked</th><th>expected</th><th>seen</th></tr>{rows}</table>" if rows else ""
    proved = f"<p>Negative control last caught its weakness: {escape(one['proved'])}</p>" if one["proved"] else ""
    why = f"<p><b>{escape(one['why'])}</b></p>" if one["why"] else ""
    return (
        f'<details{is_open}><summary><span class="id">{one["id"]}</span>'
        f'<span class="what">{escape(one["title"])}</span>'
        f'<span class="class">{escape(classes(one))}, {one["failure"]["severity"]}</span>'
        f'<span class="tag {one["verdict"]}">{one["verdict"]}</span></summary><div class="inner">'
        f"<p>{escape(' '.join(texts))}</p>{why}{table}{proved}</div></details>"
    )


def _foot(document: Mapping[str, Any]) -> str:
    host = ", ".join(f"{name} {value}" for name, value in document["host"].items())
    chain = document.get("chain", {}).get("sha256", "")
    not_tested = "; ".join(document["coverage"]["not_tested"])
    told = f"<p>Not tested here: {escape(not_tested)}.</p>" if not_tested else ""
    return f"<footer>{told}<p>{escape(host)}</p><p>Report {escape(chain)}</p></footer>"
