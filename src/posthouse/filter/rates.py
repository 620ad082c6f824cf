"""How much one client, one pair or one account may send: limits L16, L20 and L27, in tables that forget."""

from typing import Any

from posthouse.admd.limits import Limits
from posthouse.filter.allowance import DAY, HOUR, MINUTE, Allowance
from posthouse.filter.connections import Key, surroundings
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId

MOST_GOOD = 20_000
"""Clients remembered whose mail was accepted."""

BURST_SECONDS = 600.0
"""L27 counts recipients in ten minutes."""


class ClientRates:
    """What strangers may send; the exempt are not asked about."""

    __slots__ = ("_good", "_hourly_pairs", "_messages", "_octets", "_offences", "_pairs", "_recipients", "_unknown")

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._messages: Allowance[Key] = Allowance(1, MINUTE, clock)
        self._octets: Allowance[Key] = Allowance(1, MINUTE, clock)
        self._pairs: Allowance[tuple[str, str]] = Allowance(1, MINUTE, clock)
        self._hourly_pairs: Allowance[tuple[str, str]] = Allowance(1, HOUR, clock)
        self._recipients: Allowance[AccountId | str] = Allowance(1, MINUTE, clock)
        self._unknown: Allowance[Key] = Allowance(1, HOUR, clock)
        self._offences: Allowance[Key] = Allowance(1, HOUR, clock)
        self._good: Lru[Key, bool] = Lru(MOST_GOOD)
        self.adopt(limits)

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; a rule that did not change keeps what was used."""
        self._messages.change(limits.client_messages, MINUTE)
        self._octets.change(limits.client_octets, MINUTE)
        self._pairs.change(limits.pair_messages_minute, MINUTE)
        self._hourly_pairs.change(limits.pair_messages_hour, HOUR)
        self._recipients.change(limits.recipient_messages_minute, MINUTE)
        self._unknown.change(limits.unknown_recipients_hour, HOUR)
        self._offences.change(limits.offences_hour, HOUR)

    @property
    def allowances(self) -> dict[str, Allowance[Any]]:
        """By the names under which nodes tell each other of them."""
        return {
            "client.messages": self._messages,
            "client.octets": self._octets,
            "pair.minute": self._pairs,
            "pair.hour": self._hourly_pairs,
            "recipient": self._recipients,
            "client.unknown": self._unknown,
            "client.offences": self._offences,
        }

    def may_begin(self, address: str) -> bool:
        """L16: one more message from there, which counts whether it is finished or aborted."""
        return all(
            not self._octets.is_spent(client) and self._messages.take(client) for client in surroundings(address)[:1]
        )

    def count_octets(self, address: str, octets: int) -> None:
        """L16: content came, for a message that was accepted, refused or given up."""
        for client in surroundings(address)[:1]:
            self._octets.charge(client, octets)

    def may_write_to(self, sender_domain: str, recipient: Address) -> bool:
        """L16: one more message of this domain to this recipient."""
        pair = (sender_domain, recipient.key)
        return not self._hourly_pairs.is_spent(pair) and self._pairs.take(pair) and self._hourly_pairs.take(pair)

    def may_reach(self, recipient: AccountId | str) -> bool:
        """L16: one more message of strangers, whoever they are, to this mailbox or group (threats R03 and B06)."""
        return self._recipients.take(recipient)

    def note_good(self, address: str) -> None:
        """A message from there was accepted."""
        for client in surroundings(address)[:1]:
            if client not in self._good:
                self._good.put(client, True)

    def is_good(self, address: str) -> bool:
        """Whether mail came from there before: who waited for our greeting once need not prove it again."""
        return any(client in self._good for client in surroundings(address)[:1])

    def note_offence(self, address: str) -> None:
        """L19: a session from there was ended for misconduct."""
        for client in surroundings(address)[:1]:
            self._offences.charge(client, 1)

    def is_offender(self, address: str) -> bool:
        """L19: so many sessions from there were, that the next one is met with suspicion."""
        return any(map(self._offences.is_spent, surroundings(address)[:1]))

    def count_unknown(self, address: str) -> None:
        """L20: somebody there asked for a recipient that does not exist."""
        for client in surroundings(address)[:1]:
            self._unknown.charge(client, 1)

    def may_ask(self, address: str) -> bool:
        """L20: whether they may still find out who exists."""
        return not any(map(self._unknown.is_spent, surroundings(address)[:1]))


class AccountRates:
    """What one of our own people may send to outside (L27)."""

    __slots__ = ("_messages", "_recipients")

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._messages: Allowance[AccountId] = Allowance(1, DAY, clock)
        self._recipients: Allowance[AccountId] = Allowance(1, BURST_SECONDS, clock)
        self.adopt(limits)

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; a rule that did not change keeps what was used."""
        self._messages.change(limits.account_messages_day, DAY)
        self._recipients.change(limits.account_recipients_burst, BURST_SECONDS)

    @property
    def allowances(self) -> dict[str, Allowance[Any]]:
        """By the names under which nodes tell each other of them."""
        return {"account.messages": self._messages, "account.recipients": self._recipients}

    def may_address(self, account: AccountId, share: float = 1) -> bool:
        """One more recipient outside, which counts ``share``."""
        return self._recipients.take(account, share)

    def may_send(self, account: AccountId, share: float = 1) -> bool:
        """One more message to outside, which counts ``share``."""
        return self._messages.take(account, share)
