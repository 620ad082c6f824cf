"""What is looked up at once and is too much to hold in memory."""

import pytest

from posthouse.storage.register import Entry, Register


@pytest.fixture(params=["file", "memory"])
def register(request, tmp_path):
    register = Register(tmp_path / "register" if request.param == "file" else None)
    register.fill(
        [Entry("a@x", 1, b"A"), Entry("b@x", 2, b"B", 1), Entry("c@x", None, b"C"), Entry("a@x", None, b"no")]
    )
    register.seal()
    yield register
    register.close()


def test_what_was_filled_in_is_found_by_name_and_by_number(register):
    assert (register.named("a@x"), register.named("c@x"), register.named("d@x")) == (b"A", b"C", None)
    assert (register.numbered(2), register.numbered(3)) == (b"B", None)
    assert register.marked() == [b"B"]


def test_a_change_that_fails_leaves_what_was_there(register):
    """Half done, it would know nobody where somebody is, and mail for him would be refused for good."""
    with pytest.raises(Exception, match="UNIQUE"):
        register.change([Entry("y@x", 9, b"Y"), Entry("z@x", 9, b"Z")], [1])
    assert (register.named("a@x"), register.named("y@x"), register.named("b@x")) == (b"A", None, b"B")
    register.change([Entry("y@x", 9, b"Y")])
    assert register.numbered(9) == b"Y"


def test_an_entry_replaces_the_one_of_its_number_or_of_its_name(register):
    register.change([Entry("z@x", 1, b"Z", 1), Entry("c@x", None, b"C2")])
    assert (register.named("a@x"), register.named("z@x"), register.named("c@x")) == (b"no", b"Z", b"C2")
    assert register.marked() == [b"Z", b"B"]


def test_entries_go(register):
    register.change([], [2], ["c@x", "a@x"])
    assert (register.named("b@x"), register.numbered(2), register.named("c@x")) == (None, None, None)
    assert register.named("a@x") == b"A"


def test_a_fresh_one_is_filled_while_the_old_one_answers(register):
    fresh = register.fresh()
    fresh.fill([Entry("a@x", 1, b"new")])
    assert register.named("a@x") == b"A"
    fresh.seal()
    assert fresh.named("a@x") == b"new"
    fresh.close()


def test_a_file_has_no_name_and_is_ours_alone(tmp_path):
    register = Register(tmp_path / "register")
    assert list(tmp_path.iterdir()) == []
    register.close()
