"""The boundary filter: who may talk to us, how much, and what we think of it.

May touch: the floors below. Gives verdicts as values; acts on nothing.
"""
