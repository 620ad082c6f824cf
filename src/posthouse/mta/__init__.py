"""Transfer: intake, queue, schedule, routes, links, MX, relay, classification of replies, reports.

May touch: the floors below. Promises: what was accepted is delivered, relayed, or its sender is told.
"""
