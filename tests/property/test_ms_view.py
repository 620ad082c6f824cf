"""A session's view against a model: numbers only shift when it is told so, and in the end both know the same."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from posthouse.ms.view import MailboxView
from posthouse.storage.mailbox import Delta, Mailbox, Message, View

FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$Work"]), max_size=3)


class ViewModel(RuleBasedStateMachine):
    """The mailbox is a dict; the client is a list of (UID, flags) that obeys EXPUNGE, EXISTS and FETCH."""

    @initialize(flags=st.lists(FLAGS, max_size=5))
    def open(self, flags):
        self.modseq = 10
        self.uidnext = 1
        self.messages = {}
        self.log = []
        for one in flags:
            self.arrive(one)
        self.view = MailboxView(View(self._mailbox(), self._all(), self.modseq))
        self.client = [[message.uid, message.flags] for message in self._all()]

    def _mailbox(self):
        return Mailbox(1, "INBOX", None, True, 1, self.uidnext, self.modseq, len(self.messages), 0, 0)

    def _all(self):
        return tuple(Message(uid, modseq, flags) for uid, (modseq, flags) in sorted(self.messages.items()))

    @rule(flags=FLAGS)
    def arrive(self, flags):
        self.modseq += 1
        self.messages[self.uidnext] = (self.modseq, flags)
        self.uidnext += 1

    @rule(which=st.integers(0, 100), flags=FLAGS)
    def change(self, which, flags):
        if self.messages:
            uid = sorted(self.messages)[which % len(self.messages)]
            self.modseq += 1
            self.messages[uid] = (self.modseq, flags)

    @rule(which=st.integers(0, 100))
    def vanish(self, which):
        if self.messages:
            uid = sorted(self.messages)[which % len(self.messages)]
            self.modseq += 1
            del self.messages[uid]
            self.log.append((self.modseq, uid))

    @rule(which=st.integers(0, 100), flags=FLAGS)
    def change_it_here(self, which, flags):
        """Our own STORE: the session knows before the next delta."""
        if self.messages:
            uid = sorted(self.messages)[which % len(self.messages)]
            self.modseq += 1
            self.messages[uid] = (self.modseq, flags)
            for index in self.view.take([Message(uid, self.modseq, flags)]):
                self.client[index][1] = flags

    @rule(may_expunge=st.booleans())
    def look(self, may_expunge):
        since = self.view.highest
        delta = Delta(
            tuple(message for message in self._all() if message.modseq > since),
            tuple(uid for modseq, uid in self.log if modseq > since),
            self.modseq,
            self._mailbox(),
        )
        update = self.view.apply(delta, may_expunge=may_expunge)
        assert may_expunge or not update.expunged
        for number, uid in update.expunged:
            assert self.client[number - 1][0] == uid
            del self.client[number - 1]
        if update.exists is not None:
            for uid in sorted(self.messages):
                if uid > max((one[0] for one in self.client), default=0) and len(self.client) < update.exists:
                    self.client.append([uid, self.messages[uid][1]])
            assert len(self.client) == update.exists
        for index in update.changed:
            self.client[index][1] = self.view.flags(index)
        if may_expunge:
            assert [one[0] for one in self.client] == sorted(self.messages)
            assert [one[1] for one in self.client] == [self.messages[uid][1] for uid in sorted(self.messages)]

    @invariant()
    def the_client_and_the_view_count_alike(self):
        if hasattr(self, "view"):
            assert [one[0] for one in self.client] == list(self.view.uids)
            assert [one[1] for one in self.client] == [self.view.flags(index) for index in range(len(self.view))]


TestViewModel = ViewModel.TestCase
TestViewModel.settings = settings(max_examples=60, stateful_step_count=30)
