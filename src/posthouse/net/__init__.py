"""Sockets: the one session loop, listeners, TLS, the dialer, the resolver.

May touch: sockets. No idea what a command means. The only upward call of the
program is made here: the loop asks a ``Door`` for the answer to an event.
"""
