"""Our own look at what a message carries, always on: by what the octets are, never by what they are said to be.

Pure judging: octets in, findings out. Everything is bounded, and what cannot
be looked at is a finding too. ``examiner`` decides what is looked at here and
what by a worker that may be killed.
"""
