"""IMAP4rev1 and IMAP4rev2 as a core without a socket (RFC 3501, RFC 9051)."""
