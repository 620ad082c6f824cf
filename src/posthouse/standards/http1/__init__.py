"""HTTP/1.1 as a client needs it (RFC 9110, RFC 9112); ICAP frames its messages alike."""
