"""ICAP, the Internet Content Adaptation Protocol, as a client speaks it (RFC 3507)."""
