"""What is too old is refused or said, and nothing else."""

import pytest

from posthouse.supervisor.floors import FLOORS, TooOld, check_floors, versions

GOOD = {"Python": "3.13.9", "OpenSSL": "3.5.4", "SQLite": "3.53.1"}


def test_what_is_new_is_silent() -> None:
    assert check_floors(GOOD) == []
    assert check_floors({**GOOD, "Python": "3.15.0a1", "OpenSSL": "4.0.0"}) == []


def test_what_we_are_tested_with_is_not_refused() -> None:
    assert {floor.name for floor in FLOORS} == set(versions())
    check_floors(versions())


@pytest.mark.parametrize(("name", "version"), [("Python", "3.10.19"), ("OpenSSL", "1.1.0l"), ("SQLite", "3.51.2")])
def test_what_would_lose_mail_is_refused(name: str, version: str) -> None:
    with pytest.raises(TooOld, match=f"{name} {version} is too old"):
        check_floors({**GOOD, name: version})


@pytest.mark.parametrize(
    ("name", "version", "wanted"),
    [
        ("Python", "3.11.7", "3.11.14"),
        ("Python", "3.12.0", "3.12.12"),
        ("OpenSSL", "3.0.17", "3.0.18"),
        ("OpenSSL", "3.1.9", "3.2.6"),
        ("OpenSSL", "1.1.1w", "3.0.18"),
    ],
)
def test_what_is_old_is_said_with_the_first_good_one_of_its_branch(name: str, version: str, wanted: str) -> None:
    (said,) = check_floors({**GOOD, name: version})
    assert said == f"{name} {version} is older than {wanted}, which mends what is known"
