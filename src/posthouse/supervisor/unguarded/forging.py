"""A house that believes what strangers say of themselves."""

import base64
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.filter import authenticate, display, questions
from posthouse.filter.lookalike import Likenesses
from posthouse.mta import receive
from posthouse.mta.feedback.arrivals import Arrivals
from posthouse.ops import dns
from posthouse.standards.dkim import key, verify
from posthouse.standards.dkim.verify import Result, Verifier
from posthouse.standards.spf import evaluate
from posthouse.supervisor.unguarded.replacing import replace

VERY_MANY = 1_000_000


def _keep_forged_fields() -> None:
    """D03."""
    replace(receive, "forged_fields", lambda *_given: ())


def _pass_weak_signatures() -> None:
    """D04: what fits its key is good, whatever it covers and whenever it was made."""

    def judge(self: Any, signature: Any, found: Any, _now: int) -> Any:
        digest = self._fields.digest(signature)
        good = found.is_signature_of(digest, signature.signature)
        return verify._told(signature, Result.PASS if good else Result.FAIL, "", found)  # noqa: SLF001 - the hole

    replace(Verifier, "_judge", judge)
    replace(key, "LEAST_BITS", 384)


def _advise_nothing() -> None:
    """D07."""

    async def lint(*_given: Any) -> list[Any]:
        return []

    replace(dns, "lint", lint)


def _ask_and_ask() -> None:
    """D08: what a record wants to know is asked."""
    for name in ("MAX_LOOKUPS", "MAX_VOID", "MAX_NAMES"):
        replace(evaluate, name, VERY_MANY)
    for module in (questions, authenticate):
        replace(module, "MAX_SPF_QUESTIONS", VERY_MANY)
    replace(questions, "MAX_QUESTIONS", VERY_MANY)


def _verify_all() -> None:
    """D09."""
    replace(verify, "MAX_SIGNATURES", VERY_MANY)
    replace(questions, "MAX_QUESTIONS", VERY_MANY)
    init = questions.Questions.__init__

    def boundless(self: Any, resolver: Any, allowance: Any, *_given: Any, **_named: Any) -> None:
        init(self, resolver, allowance, VERY_MANY, 0)

    replace(questions.Questions, "__init__", boundless)


def _unpack_whatever_comes() -> None:
    """D11: reports are unpacked where mail is served, to their end, and kept."""
    kept: list[bytes] = []

    async def read(self: Any, one: Any) -> tuple[()]:
        whole = await self._store.blobs.read(one.blob, 0, one.size)
        kept.append(zlib.decompress(base64.b64decode(whole.partition(b"\r\n\r\n")[2]), 31))
        return ()

    replace(Arrivals, "_read", read)


def _see_nothing_odd() -> None:
    """D10: every name is as good as any other."""
    replace(display, "has_hidden", lambda _text: False)
    replace(display, "shows_other_address", lambda *_given: False)
    replace(Likenesses, "of", lambda *_given: ("", False))


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "D03": _keep_forged_fields,
    "D04": _pass_weak_signatures,
    "D07": _advise_nothing,
    "D08": _ask_and_ask,
    "D09": _verify_all,
    "D10": _see_nothing_odd,
    "D11": _unpack_whatever_comes,
}
