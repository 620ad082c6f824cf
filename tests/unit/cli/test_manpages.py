"""The manual is what the commands and services say of themselves."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def load():
    spec = importlib.util.spec_from_file_location("manpages", ROOT / "tools" / "manpages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MANPAGES = load()


@pytest.mark.parametrize("name", sorted(MANPAGES.pages()))
def test_a_page_is_up_to_date(name) -> None:
    """If not: ``python tools/manpages.py``."""
    assert MANPAGES.pages()[name] == (ROOT / "docs" / "man" / name).read_text()


@pytest.mark.parametrize("name", sorted(MANPAGES.SERVICES))
def test_a_service_says_its_standards_security_and_limits(name) -> None:
    page = MANPAGES.pages()[f"{name}.8"]
    assert re.findall(r"^\.SH (STANDARDS|SECURITY|LIMITS)$", page, re.MULTILINE) == ["STANDARDS", "SECURITY", "LIMITS"]


def test_text_is_not_taken_for_requests() -> None:
    assert MANPAGES.escape(".SH x\n'y --all \\n") == "\\&.SH x\n\\&'y \\-\\-all \\en"
