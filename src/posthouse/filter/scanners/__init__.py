"""Scanners that others make, asked about each message: clamd, Rspamd, milters, ICAP.

May touch: the cores of their protocols, and connections that ``net.places`` makes.
Promises: a scanner that is away, hangs, lies or is slow never lets a message pass
unseen; what it means (defer, quarantine, accept) is the operator's choice, and defer unless he chose.
"""
