"""Posthouse: a complete mail server for an office and its links to other offices.

Start with ``docs/tour.md``: it follows one message in, one message out and one
message read, function by function.
"""

__version__ = "0.1.0"
