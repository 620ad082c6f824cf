"""The protocol of ClamAV's daemon (``man 8 clamd``, section COMMANDS): one content in, one line back."""
