"""What all stores have in common: every word of the port, said by the office that has it."""

from posthouse.storage.ports import CellDesk, Hints, Ledger, Mailboxes, People, Queue, Shelves


class Offices:
    """Each office is an object of its own; callers say ``store.claim`` and need not know which one answers."""

    desk: CellDesk | None = None
    """Of operators; who opens the store sets it."""

    def __init__(
        self, *, queue: Queue, mailboxes: Mailboxes, people: People, ledger: Ledger, shelves: Shelves, hints: Hints
    ) -> None:
        self.accept, self.settle, self.drop = queue.accept, queue.settle, queue.drop
        self.claim, self.renew, self.reclaim = queue.claim, queue.renew, queue.reclaim
        self.hold, self.release = queue.hold, queue.release
        self.queued, self.next_due = queue.queued, queue.next_due

        self.mailboxes, self.create_mailbox = mailboxes.mailboxes, mailboxes.create_mailbox
        self.rename_mailbox, self.delete_mailbox = mailboxes.rename_mailbox, mailboxes.delete_mailbox
        self.subscribe, self.subscriptions = mailboxes.subscribe, mailboxes.subscriptions
        self.view, self.delta, self.read = mailboxes.view, mailboxes.delta, mailboxes.read
        self.change_flags, self.copy, self.move = mailboxes.change_flags, mailboxes.copy, mailboxes.move
        self.expunge, self.remove, self.quarantined = mailboxes.expunge, mailboxes.remove, mailboxes.quarantined

        self.directory, self.directory_pages = people.directory, people.directory_pages
        self.directory_since, self.population = people.directory_since, people.population
        self.accounts, self.aliases_to = people.accounts, people.aliases_to
        self.put_domain, self.remove_domain = people.put_domain, people.remove_domain
        self.create_account, self.change_account = people.create_account, people.change_account
        self.remove_account = people.remove_account
        self.put_alias, self.remove_alias = people.put_alias, people.remove_alias

        self.note, self.record, self.fates = ledger.note, ledger.record, ledger.fates
        self.records, self.latest_trace = ledger.records, ledger.latest_trace

        self.get, self.put, self.agree = shelves.get, shelves.put, shelves.agree
        self.put_notes, self.notes = shelves.put_notes, shelves.notes
        self.list_notes, self.drop_notes = shelves.list_notes, shelves.drop_notes
        self.add_tallies, self.tallies = shelves.add_tallies, shelves.tallies
        self.list_tallies, self.drop_tallies = shelves.list_tallies, shelves.drop_tallies
        self.lease, self.take = shelves.lease, shelves.take

        self.watch, self.watch_directory, self.watch_queue = hints.watch, hints.watch_directory, hints.watch_queue
        self.broadcast, self.listen = hints.broadcast, hints.listen
