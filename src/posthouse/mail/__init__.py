"""The vocabulary: the words that more than one office speaks. Values only.

A message in the house is always an ``Envelope`` (who it is from and for) and
a ``Content`` (an immutable blob and a prefix of header lines of ours).
"""
