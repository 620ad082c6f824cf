"""Reports about authentication and TLS (RFC 9990, RFC 8460): rows gathered, sent once a day; those of others read."""
