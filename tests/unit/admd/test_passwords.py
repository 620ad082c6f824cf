"""Which passwords may be set (L41; threat A05)."""

import pytest

from posthouse.admd.passwords import generate_password, judge_password


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
