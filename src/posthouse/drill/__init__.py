"""The built-in attacker: attacks the operator's own server, or a copy of it in a sandbox, and says what held.

May touch: the standard library only. It shares no code with the house, so that
a parser's mistake is not made twice: what it knows of the server it knows from
the wire, from its ports' peers (a sink, a lying name server), from ``/proc``
and from the journal. Connects to loopback and nowhere else.

Promises: an attack is bounded in octets, connections and seconds; a canary and
a ledger run beside it; a verdict is HELD, BROKEN or UNPROVEN, and what was not
proved is never counted as held.

Where things are: ``catalogue`` says what can be done to a mail server (data),
``attacks`` does it (small functions, one module a surface), ``bench`` is what
an attack is given, ``runner`` runs and judges, ``reports`` tells.
"""
