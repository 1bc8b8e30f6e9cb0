"""Some members of a JSON object replaced, all other bytes left as they are.

For requests that go up as they came, but for the model's name or what a cloud wants elsewhere.
"""

import re
from collections.abc import Mapping

from msgspec import Raw, Struct

from dragoman.codec import jsonio

_objects = jsonio.Decoder(dict[str, Raw])


class _Model(Struct, gc=False):
    model: Raw


_models = jsonio.Decoder(_Model)
_MODEL = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")', re.DOTALL)
_OTHER = b'"\x20"'
_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_BETWEEN = re.compile(rb"[ \t\r\n]*[,}]")


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


def members(body: bytes) -> dict[str, Raw]:
    """An object's members. Raises ``jsonio.Malformed`` and ``jsonio.Mismatch`` for none."""
    return _objects.decode(body)


def edited(
    body: bytes,
    given: Mapping[str, Raw],
    opening: bytes,
    changes: Mapping[str, bytes | None],
) -> bytes:
    """An object that begins with other members (``"a":1,"b":2``), and with some of its own changed.

    ``given`` are its own members (:func:`members`), ``changes`` their new values; ``None`` takes
    one out. The others keep their bytes and their order. Of a name that stands twice the last
    counts, as for every reader of JSON; then the white space between members is lost.
    """
    if jsonio.encode(given) == body:
        # Nothing stands between members, as most clients write: then this is the same.
        left = dict(given)
        for name in changes.keys() & left.keys():
            value = changes[name]
            if value is None:
                del left[name]
            else:
                left[name] = Raw(value)
        rest = jsonio.encode(left)
        if not opening:
            return rest
        return b"{%b%b%b" % (opening, b"," if left else b"", rest[1:])
    spans = _spans(body, given)
    if spans is None:
        left: dict[str, bytes | None] = {**given, **changes}
        kept = [
            b"%b:%b" % (jsonio.quote(name), value)
            for name, value in left.items()
            if value is not None
        ]
        return b"{%b}" % b",".join([opening, *kept] if opening else kept)
    parts = [opening] if opening else []
    for name, (start, value_at, end) in spans.items():
        if name not in changes:
            parts.append(body[start:end])
        elif (value := changes[name]) is not None:
            parts.append(body[start:value_at] + value)
    return b"{%b}" % b",".join(parts)


def _spans(body: bytes, given: Mapping[str, Raw]) -> dict[str, tuple[int, int, int]] | None:
    """Where each member begins, its value begins, and it ends. ``None`` where a name stands twice.

    Members are told apart by the commas between them, which belong to nobody; white space before
    a comma or the closing brace goes with the comma.
    """
    spans: dict[str, tuple[int, int, int]] = {}
    at = body.index(b"{") + 1
    for name, value in given.items():
        key = _KEY.match(body, at)
        if key is None or jsonio.unquote(key[1]) != name or not body.startswith(value, key.end()):
            return None
        end = key.end() + len(value)
        spans[name] = (at, key.end(), end)
        after = _BETWEEN.match(body, end)
        if after is None:
            return None
        at = after.end()
    return spans if not given or body[at - 1 : at] == b"}" else None
