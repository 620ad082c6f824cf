"""Who we are: domains, accounts, addresses, credentials, limits.

May touch: the floors below. Promises: one answer to "whose address is this?" for every door.
"""
