"""POP3 as a core without a socket (RFC 1939, RFC 2449)."""
