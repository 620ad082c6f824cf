"""The milter protocol, version 6: how a mail server asks filters about a message (Sendmail's ``libmilter/mfdef.h``)."""
