"""Defences taken out one by one: the negative controls of the drill. ``supervisor.weakened`` alone loads this.

Each module has ``WEAKENINGS``: by the id of a threat, what replaces the defence against it from the outside.
"""
