"""Which passwords may be set (L41; threat A05)."""

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from posthouse.admd.passwords import BREACHED, breach_key, generate_password, judge_password


def judge(password: str) -> str | None:
    return judge_password(password, address="alice@office.test", least_characters=12)


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "123456",
        "qwertyuiop",
        "letmein",
        "alice",
        "office2024",
        "P@ssw0rd",
        "passwordpassword",
        "aaaaaaaaaaaaaa",
        "121212121212",
    ],
)
def test_what_guessers_try_first_is_refused(password: str) -> None:
    assert judge(password) is not None


@pytest.mark.parametrize("password", ["tr0ub4dor&3x!Q", "seven green herrings", "x9#Kq2vBw!7", None])
def test_long_or_hard_to_guess_passwords_are_good(password: str | None) -> None:
    password = password or generate_password()  # not in the name of the test: two workers must collect the same names
    assert judge(password) is None


@pytest.mark.parametrize("password", ["x" * 129, "tab\there and more", "nul\0nul nul nul"])
def test_what_no_client_can_type_is_refused(password: str) -> None:
    assert judge(password) is not None


def test_generated_passwords_differ() -> None:
    assert len({generate_password() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "password",
    [
        "Spring2026!",
        "Password2026!",
        "Winter2025Winter2025",
        "!!Dragon99",
        "L3tm31n123",
        "Posthouse2026!",
        "Alice-1234567",
    ],
)
def test_one_word_with_numbers_around_it_is_no_password(password: str) -> None:
    """Threat A03: a spray of the season and the year finds nobody."""
    assert judge(password) is not None


def test_the_thousand_most_used_passwords_are_refused() -> None:
    """Threat A05; also with capitals, and with signs in place of letters."""
    common = FREQUENCY_LISTS["passwords"][:1000]
    dressed = [one.capitalize().replace("a", "@").replace("o", "0").replace("s", "$") for one in common]
    assert [one for one in (*common, *dressed, *map(str.upper, common)) if judge(one) is None] == []


def test_what_was_stolen_elsewhere_is_refused_however_good_it_looks() -> None:
    asked = []

    def is_breached(key: str) -> bool:
        asked.append(key)
        return True

    found = judge_password(
        "seven green herrings", address="alice@office.test", least_characters=12, is_breached=is_breached
    )
    assert found == BREACHED
    assert asked == [breach_key("seven green herrings")]


def test_what_is_said_of_a_password_never_quotes_it() -> None:
    for password in ("Spring2026!", "correcthorse", "qwertyuiop", "Zebra1", "winterwinter"):
        assert password.lower() not in (judge(password) or "").lower()
        assert password.strip("0123456789!").lower() not in (judge(password) or "").lower()


def test_an_empty_one_is_refused() -> None:
    assert judge("") is not None
    assert judge(" ") is not None
