"""The composition root: configuration, wiring, listeners, privileges, reload, stop.

May touch: everything. Decides nothing about mail.
"""
