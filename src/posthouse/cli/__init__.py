"""Operator commands: ``posthouse NOUN VERB``.

May touch: ``ops`` and the control socket.
"""
