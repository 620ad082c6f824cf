"""What is kept instead of a password."""

from posthouse.admd.credentials import make_verifiers, scram_verifier, verify_password

VERIFIERS = make_verifiers("pencil pencil")


def test_the_password_matches_and_no_other_does() -> None:
    assert verify_password(VERIFIERS, "pencil pencil")
    assert not verify_password(VERIFIERS, "pencil pencil ")


def test_argon2id_runs_with_the_settings_of_owasp() -> None:
    """L41."""
    assert VERIFIERS[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_scram_has_at_least_15000_iterations() -> None:
    """L41."""
    scram = scram_verifier(VERIFIERS)
    assert scram is not None
    assert scram.iterations >= 15000


def test_no_verifier_holds_the_password_and_no_two_are_alike() -> None:
    again = make_verifiers("pencil pencil")
    assert not set(again) & set(VERIFIERS)
    assert "pencil" not in "".join(VERIFIERS)


def test_nothing_matches_an_account_without_verifier() -> None:
    assert not verify_password((), "")
    assert not verify_password(("nobody",), "anything")
    assert not verify_password(("$argon2id$broken",), "anything")


def test_differently_typed_passwords_are_the_same() -> None:
    """RFC 4013: composed and decomposed letters are one."""
    assert verify_password(make_verifiers("gr\u00fc\u00dfe aus ulm"), "gru\u0308\u00dfe aus ulm")


def test_a_prohibited_character_matches_nothing() -> None:
    assert not verify_password(VERIFIERS, "pencil\u0000pencil")


def test_a_broken_scram_verifier_is_none() -> None:
    assert scram_verifier(("SCRAM-SHA-256$nonsense",)) is None
