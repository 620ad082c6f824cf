"""imapd: the IMAP door (port 143 with STARTTLS, port 993 with TLS).

STANDARDS: RFC 9051 and RFC 3501 with the extensions that ``standards.imap.offer`` lists.

SECURITY: a stranger controls every octet before login and after it; the core
has bounded and checked them. No password is taken without TLS, failures are
counted with those of all other doors (L21), an account sees its own
mailboxes only: the store is asked with the account of the login and with
nothing the client said. Names of mailboxes never become names of files.

LIMITS: L21 failed logins on a connection; L30 to L32 in the core; L33 connections
of an account, commands a minute (then each costs a moment), 30 seconds
before login in all, 30 minutes of silence after it; 10,000 mailboxes.
"""
