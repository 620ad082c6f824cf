"""The refusals that the protocol itself earns, as ready values (RFC 5321 section 4.2.2, RFC 3463, RFC 5248).

What an office decides (550 for an unknown mailbox, 452 for a full disk) is
not here: the core answers only for grammar, sequence and framing.
"""

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import Malformed, Offence

UNKNOWN = Malformed(Offence.UNKNOWN, reply(500, "5.5.1", "that is no command here"))
NOT_IMPLEMENTED = Malformed(Offence.UNKNOWN, reply(502, "5.5.1", "this command is not offered"))
SYNTAX = Malformed(Offence.SYNTAX, reply(500, "5.5.2", "a command is one line of printable characters and CRLF"))
NOT_UTF8 = Malformed(Offence.SYNTAX, reply(500, "5.5.2", "the command is not UTF-8"))
ARGUMENT = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "this command takes other arguments"))
NO_ARGUMENT = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "this command takes no argument"))
BAD_NAME = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "say your host name"))
BAD_SENDER = Malformed(Offence.SYNTAX, reply(501, "5.1.7", "the reverse-path is not an address"))
BAD_RECIPIENT = Malformed(Offence.SYNTAX, reply(501, "5.1.3", "the forward-path is not an address"))
NEEDS_UTF8 = Malformed(Offence.SYNTAX, reply(553, "5.6.7", "a non-ASCII address needs SMTPUTF8"))
BAD_PARAMETER = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "a parameter has a value it cannot have"))
TWICE = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "a parameter is given twice"))
UNKNOWN_PARAMETER = Malformed(Offence.SYNTAX, reply(555, "5.5.4", "a parameter is not one we offer"))
TOO_BIG = Malformed(Offence.SYNTAX, reply(552, "5.3.4", "the message is larger than we take"))
TOO_LONG = Malformed(Offence.TOO_LONG, reply(500, "5.5.2", "the line is too long"))
ENDLESS = Malformed(Offence.TOO_LONG, reply(500, "5.5.2", "the line does not end", hang_up=True))
SASL_TOO_LONG = Malformed(Offence.TOO_LONG, reply(500, "5.5.6", "the authentication line is too long"))
BAD_BASE64 = Malformed(Offence.SYNTAX, reply(501, "5.5.2", "not base64"))

HELLO_FIRST = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "say hello first"))
OUT_OF_ORDER = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "not at this point"))
NESTED_MAIL = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "one MAIL at a time"))
MAIL_FIRST = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "MAIL comes first"))
RCPT_FIRST = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "RCPT comes first"))
NO_RECIPIENTS = Malformed(Offence.SEQUENCE, reply(554, "5.5.1", "no valid recipients"))
NEEDS_BDAT = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "binary content comes with BDAT"))
ALREADY_SECURE = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "TLS is in place"))
ALREADY_KNOWN = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "you are authenticated"))
NO_LOGIN = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "nobody authenticates here"))
LOGIN_NEEDS_TLS = Malformed(Offence.SEQUENCE, reply(538, "5.7.11", "authentication needs TLS"))
UNKNOWN_MECHANISM = Malformed(Offence.SYNTAX, reply(504, "5.5.4", "this mechanism is not offered"))
BARRED = Malformed(Offence.SEQUENCE, reply(503, "5.5.1", "there is no service for you; QUIT"))

EARLY = Malformed(Offence.EARLY, reply(554, "5.5.1", "you spoke before we answered", hang_up=True))
FOREIGN = Malformed(Offence.FOREIGN, reply(554, "5.5.1", "this is a mail server", hang_up=True))
BAD_CHUNK = Malformed(Offence.SYNTAX, reply(501, "5.5.4", "BDAT needs a size we can count", hang_up=True))

STRAY_OCTET = reply(550, "5.6.11", "the content has a bare CR or LF, or a NUL: lines must end with CRLF", hang_up=True)
CONTENT_TOO_BIG = reply(552, "5.3.4", "the message is larger than we take")
CONTENT_ENDLESS = reply(552, "5.3.4", "the message is larger than we take", hang_up=True)
LINE_TOO_LONG = reply(554, "5.6.0", "the content has a line that is too long")
TINY_CHUNKS = reply(554, "5.7.0", "too many chunks that are too small", hang_up=True)
