"""The doors: one thin service per protocol. A door has one core and one office; it translates, it decides nothing.

May touch: one core, one office; never another door.
"""
