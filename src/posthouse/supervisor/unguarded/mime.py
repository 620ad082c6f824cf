"""Messages that are looked at without any measure."""

from collections.abc import Callable, Mapping

from posthouse.filter.content import examiner
from posthouse.filter.ports import Opinion
from posthouse.ms import search
from posthouse.standards.mime import structure
from posthouse.supervisor.unguarded.pressure import count_by_squares
from posthouse.supervisor.unguarded.replacing import replace

VERY_MANY = 1_000_000


def _look_into_all_depths() -> None:
    """M01."""
    _measure("depth")


def _count_all_parts() -> None:
    """M02."""
    _measure("parts")
    _measure("boundary_octets")


def _measure(name: str) -> None:
    replace(
        structure.parse_structure,
        "__kwdefaults__",
        {**(structure.parse_structure.__kwdefaults__ or {}), name: VERY_MANY},
    )


def _demand_good_encodings() -> None:
    """M05: what cannot be decoded is an error of ours."""
    replace(search, "decode_text", lambda octets, charset="": octets.decode(charset or "ascii"))


def _pass_unseen() -> None:
    """P11: what kills whoever looks at it passes."""
    replace(examiner.ContentExaminer, "_failed", lambda *_given: Opinion())


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "M01": _look_into_all_depths,
    "M02": _count_all_parts,
    "M04": count_by_squares,
    "M05": _demand_good_encodings,
    "P11": _pass_unseen,
}
