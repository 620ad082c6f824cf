"""Changes to a message that an examiner may ask for (a milter's, protocol version 6)."""

import msgspec


class AddField(msgspec.Struct, frozen=True):
    """A header field, before the ``index``-th field (0 is the top), or behind all others."""

    name: bytes
    value: bytes
    index: int | None = None


class ChangeField(msgspec.Struct, frozen=True):
    """Another value for the ``occurrence``-th field (from 1) of that name; an empty one takes it away."""

    name: bytes
    occurrence: int
    value: bytes


class NewSender(msgspec.Struct, frozen=True):
    """Another reverse-path, empty for the null reverse-path."""

    path: str


class AddRecipient(msgspec.Struct, frozen=True):
    path: str


class DropRecipient(msgspec.Struct, frozen=True):
    path: str


class NewBody(msgspec.Struct, frozen=True):
    """Another body, whole."""

    octets: bytes


Amendment = AddField | ChangeField | NewSender | AddRecipient | DropRecipient | NewBody
