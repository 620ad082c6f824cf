"""What each class of finding means: the action it demands by itself, and its weight towards junk.

The defaults hold for an office that never asks for programs by mail. What is
legitimate everywhere (a form, a script in a PDF) only raises suspicion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from posthouse.filter.action import Action
from posthouse.filter.clue import Clue
from posthouse.filter.content.finding import Finding, Kind

SOURCE = "content"

DEFAULTS: dict[Kind, tuple[Action, float, str]] = {
    Kind.TEST_VIRUS: (Action.QUARANTINE, 10.0, "the EICAR test string"),
    Kind.EXECUTABLE: (Action.QUARANTINE, 5.0, "programs, shortcuts, installers, disk images, whatever their name"),
    Kind.SCRIPT: (Action.QUARANTINE, 5.0, "scripts as files"),
    Kind.DISGUISE: (Action.QUARANTINE, 5.0, "double extensions, reversed letters, names that leave their directory"),
    Kind.MACRO: (Action.QUARANTINE, 4.0, "documents with macros"),
    Kind.REMOTE: (Action.QUARANTINE, 4.0, "documents that fetch a template or an object from elsewhere"),
    Kind.ENCRYPTED: (Action.QUARANTINE, 2.0, "archives and documents with a password"),
    Kind.UNSCANNABLE: (
        Action.QUARANTINE,
        3.0,
        "broken archives, too many parts or levels, too much work",
    ),
    Kind.OPAQUE: (Action.JUNK, 1.0, "archives whose files we can list at best"),
    Kind.PARTIAL: (Action.QUARANTINE, 3.0, "messages in pieces, which only together can be looked at"),
    Kind.SMUGGLING: (Action.QUARANTINE, 4.0, "HTML that builds a file by script"),
    Kind.ACTIVE: (Action.ACCEPT, 1.0, "scripts and embedded objects in HTML, PDF and RTF"),
    Kind.AMBIGUOUS: (Action.ACCEPT, 1.5, "structures that readers understand in different ways"),
    Kind.MISMATCH: (Action.ACCEPT, 2.0, "pictures and PDFs by name that are something else"),
    Kind.NAME: (Action.ACCEPT, 1.0, "names that no file could have, with line ends or a NUL in them"),
    Kind.WORM: (Action.QUARANTINE, 5.0, "a file that many accounts of ours send within minutes"),
    Kind.LINK: (Action.ACCEPT, 2.0, "links that name another host than the one they lead to"),
    Kind.FORM: (Action.ACCEPT, 2.0, "forms in HTML"),
}

GRAVE = frozenset({Kind.EXECUTABLE, Kind.SCRIPT, Kind.MACRO, Kind.TEST_VIRUS})
"""Together with an ambiguous structure they are held, whatever is allowed by itself (threat M06)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``actions`` replaces the defaults."""

    actions: Mapping[Kind, Action] = field(default_factory=dict)

    def action_of(self, kind: Kind) -> Action:
        return self.actions.get(kind, DEFAULTS[kind][0])

    def weigh(self, findings: list[Finding]) -> list[Clue]:
        """A clue for each finding.

        A class adds its weight once, or a long list of links would decide
        alone; and not at all when its action decides, or what is to be held
        would be refused for its score.
        """
        clues: list[Clue] = []
        seen: set[Kind] = set()
        for kind, text in ((one.kind, one.text) for one in findings):
            action = self.action_of(kind)
            score = 0.0 if kind in seen or action.strength >= Action.QUARANTINE.strength else DEFAULTS[kind][1]
            seen.add(kind)
            clues.append(Clue(SOURCE, f"{SOURCE}.{kind.value}", text, score, action))
        if Kind.AMBIGUOUS in seen and seen & GRAVE:
            text = "an ambiguous structure with something active in it"
            clues.append(Clue(SOURCE, f"{SOURCE}.hidden", text, 0.0, Action.QUARANTINE))
        return clues
