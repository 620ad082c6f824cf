"""The message store: mailboxes, views, flags, search, what readers need of a message.

May touch: the floors below. Promises: UIDs and mod-sequences are strictly ascending; a view
never changes under its reader.
"""
