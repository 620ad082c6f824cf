"""Identities as types, so that a checker tells a mailbox from an account."""

from typing import NewType

AccountId = NewType("AccountId", int)
MailboxId = NewType("MailboxId", int)
Uid = NewType("Uid", int)
"""RFC 9051 section 2.3.1.1: strictly ascending in a mailbox, never used again."""
UidValidity = NewType("UidValidity", int)
ModSeq = NewType("ModSeq", int)
"""RFC 7162 section 3.1: one counter an account, strictly increasing in commit order."""
EmailId = NewType("EmailId", str)
"""RFC 8474 section 5.1: the same for every copy of one message in an account."""
ThreadId = NewType("ThreadId", str)
BlobId = NewType("BlobId", str)
"""The SHA-256 of a blob, 64 lower-case hexadecimal digits."""
TraceId = NewType("TraceId", str)
"""The short id of one transaction: in the reply, the log, the ``Received`` line and the ledger."""
QueueId = NewType("QueueId", str)
"""The trace id of the acceptance whose message is queued."""
