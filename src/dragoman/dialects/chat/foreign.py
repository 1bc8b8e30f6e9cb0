"""Requests for models of other makers: what Claude has no word for is no mistake there.

Such a request goes up as it came, and its upstream decides. So that it can be routed it is read all
the same, without the members that reading it refuses.
"""

import re

from msgspec import Raw

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.errors import Failure

_members = jsonio.Decoder(dict[str, Raw])
_names = jsonio.Decoder(str)
_NEEDED = frozenset({"model", "messages", "stream", "n"})
_ABOUT_A_VALUE = re.compile(r"unsupported_|unknown_|below_|above_|decimal_|string_too|array_too")


def without(body: bytes, failure: Failure, catalogue: Catalogue) -> bytes | None:
    """The body without the member that a failure is about; ``None`` where that does not help, or
    where the model is one that the gateway translates for."""
    name = re.split(r"[.\[]", failure.param or "", maxsplit=1)[0]
    if name in _NEEDED or not _ABOUT_A_VALUE.match(failure.kind):
        return None
    members = _members.attempt(body)
    if members is None or name not in members or "model" not in members:
        return None
    model = _names.attempt(members["model"])
    if model is None or not catalogue.resolve(model).model.foreign:
        return None
    del members[name]
    return jsonio.encode(members)
