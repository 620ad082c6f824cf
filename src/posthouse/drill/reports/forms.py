"""Every form of a report by its name."""

import json
from collections.abc import Mapping
from typing import Any

from posthouse.drill.catalogue.index import CATALOGUE
from posthouse.drill.reports.gauges import format_gauges
from posthouse.drill.reports.junit import format_junit
from posthouse.drill.reports.markdown import format_markdown
from posthouse.drill.reports.page import format_page
from posthouse.drill.reports.sarif import format_sarif
from posthouse.drill.reports.text import format_text

FORMS = ("text", "json", "junit", "sarif", "html", "md", "openmetrics")


def format_report(document: Mapping[str, Any], form: str, *, colour: bool = False) -> str:
    """``form`` is one of ``FORMS``."""
    texts = {one.id: (one.what, one.why) for one in CATALOGUE}
    if form == "json":
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if form == "junit":
        return format_junit(document)
    if form == "sarif":
        return format_sarif(document, texts)
    if form == "html":
        return format_page(document, texts)
    if form == "md":
        return format_markdown(document)
    if form == "openmetrics":
        return format_gauges(document)
    return format_text(document, colour=colour)
