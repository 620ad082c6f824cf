"""How a client behaves in one session, and what it costs him: limits L19 and L20."""

from posthouse.admd.limits import Limits

PENALTY_SECONDS = 1.0
"""L19: what each error beyond the soft limit costs."""


class Conduct:
    """The counts of one session."""

    __slots__ = ("_errors", "_junk", "_limits", "_soft", "_unknown", "is_offender")

    def __init__(self, limits: Limits, *, is_offender: bool = False) -> None:
        self._limits = limits
        self.is_offender = is_offender
        """Sessions of this client were ended for misconduct lately."""
        self._soft = 0 if is_offender else limits.soft_errors
        self._errors = 0
        self._junk = 0
        self._unknown = 0

    def note_error(self) -> None:
        self._errors += 1

    def note_unknown(self) -> None:
        self._unknown += 1

    def note_junk(self) -> None:
        self._junk += 1

    def note_mail(self) -> None:
        """A message was accepted: commands without mail are counted anew."""
        self._junk = 0

    @property
    def penalty_seconds(self) -> float:
        """How long the next refusal waits."""
        return PENALTY_SECONDS if self._errors > self._soft else 0.0

    def is_over(self, *, hurried: bool = False) -> bool:
        """Whether the session has seen enough of this; ``hurried`` while places are rare (DM8)."""
        limits = self._limits
        return (
            self._errors > (limits.stress_errors if hurried else limits.hard_errors)
            or self._junk > (limits.stress_junk if hurried else limits.junk_commands)
            or self._unknown > limits.unknown_recipients
        )
