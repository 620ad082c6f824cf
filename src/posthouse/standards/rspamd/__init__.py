"""Rspamd's protocol: a message by HTTP to ``/checkv2``, its verdict in JSON."""
