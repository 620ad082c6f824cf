"""The Internet Message Format: header fields, addresses, dates, message-ids, trace fields (RFC 5322, RFC 6532)."""
