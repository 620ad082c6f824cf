"""Submission: whose identity, what must be completed, before mail of our own people goes the way of all mail.

May touch: the floors below.
"""
