"""The whole look at a sender: one object made when the house is wired, one call a message."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from posthouse.filter.authenticate import authenticate
from posthouse.filter.author import author_of
from posthouse.filter.display import Display, display_of
from posthouse.filter.evidence import Evidence, results_of
from posthouse.filter.examination import Examination
from posthouse.filter.forgery import Span, forged_fields
from posthouse.filter.judge import Policy, Verdict, judge
from posthouse.lib.ports import Clock
from posthouse.standards.authres.write import format_results
from posthouse.standards.dns.ports import Resolver


@dataclass(frozen=True, slots=True)
class Findings:
    """All that follows from one look. ``field`` is our Authentication-Results, to stand in the prefix."""

    evidence: Evidence
    verdict: Verdict
    display: Display
    field: bytes
    forged: tuple[Span, ...]
    """What to cut out of the content before it is stored (``forgery.without``); nearly always nothing."""


def nobody_known() -> Iterable[str]:
    """For an office that knows no other domains yet."""
    return ()


class SenderCheck:
    """``policy`` and ``known`` (domains worth imitating) are asked for each message, so that they may change."""

    __slots__ = ("_authserv_id", "_clock", "_known", "_policy", "_resolver")

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        *,
        authserv_id: str,
        policy: Callable[[], Policy],
        known: Callable[[], Iterable[str]] = nobody_known,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._authserv_id = authserv_id
        self._policy = policy
        self._known = known

    async def look(
        self, examination: Examination, *, peer: str, helo: str, mail_from: str, exempt: str = ""
    ) -> Findings:
        """What is found out and decided. ``exempt`` says why this client is asked nothing; it costs no DNS then."""
        header = examination.close()
        if exempt:
            evidence = Evidence(author=author_of(header), peer=peer, helo=helo, mail_from=mail_from, exempt=exempt)
        else:
            evidence = await authenticate(
                examination,
                peer=peer,
                helo=helo,
                mail_from=mail_from,
                resolver=self._resolver,
                clock=self._clock,
                receiver=self._authserv_id,
            )
        policy = self._policy()
        verdict = judge(evidence, policy)
        return Findings(
            evidence=evidence,
            verdict=verdict,
            display=display_of(evidence, verdict, policy, self._known()),
            field=b"" if exempt else format_results(self._authserv_id, results_of(evidence)),
            forged=forged_fields(header, self._authserv_id),
        )
