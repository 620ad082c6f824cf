"""pop3d: the POP3 door (port 110 with STLS, port 995 with TLS).

STANDARDS
    RFC 1939 (without APOP), 2449, 2595 and 8314, 3206, 5034, 6856.

SECURITY
    A stranger controls the octets of a session and nothing else: names and
    passwords are taken under TLS only, failures are counted for all doors
    together, three on one connection end it. A session reads one account. What
    is marked as deleted goes when QUIT is answered, never before: a session
    that breaks off removes nothing.

LIMITS
    Lines of 512 octets (12,288 within AUTH), 30 seconds and 50 commands before
    login, 10 minutes after it, 15 errors, one session a maildrop; a session that
    has been silent for a minute gives its maildrop up to a new one. Messages are
    sent 64 KiB at a time as fast as the client reads.
"""
