"""What happened, for people and machines: the journal (name and values), metrics, the decision ledger's records.

May touch: the sink it is given. A journal entry is a name and values; how it looks is decided here alone.
"""
