"""OpenRouter's ``reasoning_details``, through a client and back (protocol.md §4e).

Some models behind it sign or encrypt what they thought, and want it back, whole and in order, with
the results of their calls. Clients of other protocols have one place that they send back as it
came: the signature of a thinking block. So an answer whose details are more than texts has an
empty block of thinking before what is said (clients take what comes last for the answer), and at
its end where some came later; its signature is ``openrouter:`` and their base64. Claude's carriers
leave such blocks out, as nobody at Anthropic signed them.
"""

import binascii
from base64 import b64decode, b64encode

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.hub.request import FOREIGN

MOST_BYTES = 4 * 1024 * 1024
"""Of one answer; more is not sent back."""
_PIECES = ("text", "summary", "data")
"""Members that come in pieces."""
_SECRETS = ("signature", "data")
"""Members without which a text is only a text."""
_NULL = Raw(b"null")
_NAMES = ("type", "index", "id")
"""Members that tell one item from another."""

Item = dict[str, Raw]
_items: jsonio.Decoder[list[Item]] = jsonio.Decoder(list[Item])


class Details:
    """The items of one answer, put together from their pieces."""

    __slots__ = ("_found", "_size")

    def __init__(self) -> None:
        self._found: list[Item] = []
        self._size = 0

    def add(self, raw: Raw) -> None:
        """A list of items, or of pieces of them; anything else is nothing."""
        self._size += len(memoryview(raw))
        items = _items.attempt(raw) or []
        if self._size > MOST_BYTES or not items:
            return
        if self._found and _goes_on(self._found[-1], items[0]):
            _join(self._found[-1], items.pop(0))
        self._found += items

    def sealed(self) -> bytes:
        """The signature that carries them, a JSON string literal; empty if they are only texts."""
        secrets = [bytes(item.get(name, _NULL)) for item in self._found for name in _SECRETS]
        if self._size > MOST_BYTES or all(one in (b"null", b'""') for one in secrets):
            return b""
        return b'%b%b"' % (FOREIGN, b64encode(jsonio.encode(self._found)))


def _goes_on(last: Item, item: Item) -> bool:
    return all(bytes(last.get(name, _NULL)) == bytes(item.get(name, _NULL)) for name in _NAMES)


def _join(last: Item, item: Item) -> None:
    for name, value in item.items():
        given = bytes(value)
        held = bytes(last.get(name, _NULL))
        if name in _PIECES and given[:1] == b'"' and held[:1] == b'"':
            last[name] = Raw(jsonio.join([held, given]))
        elif given != b"null":
            last[name] = value


def opened(signature: Raw) -> Raw | None:
    """The details in a signature, as OpenRouter sent them; ``None`` where there are none."""
    literal = bytes(signature)
    if not literal.startswith(FOREIGN):
        return None
    try:
        data = b64decode(literal[len(FOREIGN) : -1], validate=True)
    except (binascii.Error, ValueError):
        return None
    if not jsonio.is_utf8(data) or _items.attempt(data) is None:
        return None
    return jsonio.raw(data)
