"""What an enhanced status code (RFC 3463) means for somebody who only wanted to send a letter: what to do next."""

from typing import Final

ADVICE: Final = {
    "1.0": "Check the address for mistakes, and send the message again.",
    "1.1": "Check the part before the @ for mistakes, or ask the person for the current address.",
    "1.2": "Check the part after the @ for mistakes: no such mail domain is known.",
    "1.3": "Check the address for mistakes: it is not written as an address should be.",
    "1.6": "The person has moved. Ask for the new address in another way.",
    "1.10": "This domain takes no mail at all. Ask the person for another address.",
    "2.1": "The mailbox is closed. Reach the person in another way.",
    "2.2": "The mailbox is full. Reach the person in another way, or send again later.",
    "2.3": "The message is too large for this mailbox. Send it in smaller parts, or share a link to the files.",
    "3.4": "The message is too large for the other server. Send it in smaller parts, or share a link to the files.",
    "4.1": "The other server did not answer. Send the message again later, or reach the person in another way.",
    "4.4": "Nothing takes mail for this domain. Check the part after the @, or reach the person in another way.",
    "4.6": "Mail for this address goes round in circles. Please tell your postmaster.",
    "4.7": "The other server could not be reached for too long. Send again later, or reach the person in another way.",
    "6.0": "The message is damaged or made in a way that cannot be sent on. Write it anew and send it again.",
    "6.3": "The other server cannot take this kind of message. Send it as plain text without special attachments.",
    "6.7": "The other server cannot take addresses with letters outside the English alphabet. Ask for another address.",
    "7.1": "The other server does not let you write to this address. Ask the person to allow it.",
    "7.30": "You asked for encryption on the whole way, which the other server does not offer.",
}
GROUPS: Final = {
    "1": "Check the address, and send the message again.",
    "2": "Reach the person in another way, or send again later.",
    "3": "Send the message again later. If it happens again, tell your postmaster.",
    "4": "Send the message again later. If it happens again, tell your postmaster.",
    "6": "Send the message in a simpler form, for instance as plain text.",
    "7": "The other side refused the message by its rules. Ask the person to have it allowed.",
}
OTHERWISE: Final = "Send the message again later. If it happens again, show this report to your postmaster."


def advise(status: str) -> str:
    """What to do after a failure with ``status``, in one or two sentences."""
    _, _, rest = status.partition(".")
    return ADVICE.get(rest) or GROUPS.get(rest.partition(".")[0]) or OTHERWISE
