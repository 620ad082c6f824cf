"""Fakes that pass the same contract tests as the real things: clock, ids, zone, wire, memory store.

Shipped with the package, so that those who build on it can test as we do.
"""
