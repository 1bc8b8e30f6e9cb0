"""One member of a JSON object replaced, all other bytes left as they are.

For requests that go up as they came, but for the model's name.
"""

import re

from msgspec import Raw, Struct

from dragoman.codec import jsonio

_objects = jsonio.Decoder(dict[str, Raw])


class _Model(Struct, gc=False):
    model: Raw


_models = jsonio.Decoder(_Model)
_MODEL = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")', re.DOTALL)
_OTHER = b'"\x20"'


def with_model(body: bytes, name: str) -> bytes:
    """An object that holds a string ``model``, with another value of it; none: with its own.

    The very same bytes where it is that already. Raises ``jsonio.Malformed`` and
    ``jsonio.Mismatch`` for what is no such object.
    """
    if not name:
        return body
    given = bytes(_models.decode(body).model)
    wanted = bytes(jsonio.quote(name))
    if given == wanted:
        return body
    for found in _MODEL.finditer(body):
        if found[1] != given:
            continue
        start, end = found.span(1)
        # A nested member looks the same: only the object's own changes what is read.
        tried = b"%b%b%b" % (body[:start], _OTHER, body[end:])
        if bytes(_models.decode(tried).model) == _OTHER:
            return b"%b%b%b" % (body[:start], wanted, body[end:])
    # The member's name is written with escapes.
    return with_member(body, "model", wanted)


def with_member(body: bytes, name: str, value: bytes) -> bytes:
    """An object with a member set, others as they are but for the white space between them."""
    members = _objects.decode(body)
    members[name] = Raw(value)
    return jsonio.encode(members)


def with_more(body: bytes, members: bytes) -> bytes:
    """An object with further members (``"a":1,"b":2``) at its end; it must not have them yet.

    Raises ``jsonio.Malformed`` where the bytes do not end as an object does.
    """
    end = body.rstrip(b" \t\r\n")
    if not end.endswith(b"}"):
        raise jsonio.Malformed("not an object")
    head = end[:-1].rstrip(b" \t\r\n")
    comma = b"" if head.endswith(b"{") else b","
    return b"%b%b%b}" % (head, comma, members)
