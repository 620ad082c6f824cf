"""Helpers that know no mail: the contract of a core, line buffers, budgets, buckets.

May touch: nothing but values. No I/O, no clock of its own, no randomness, no asyncio.
"""
