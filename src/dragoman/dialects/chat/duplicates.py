"""Keys that stand twice at the top of a body.

Which of the two counts differs from one JSON reader to the next: a proxy in front might check one
``model`` and we would use the other. So ``model``, ``stream`` and ``messages`` may stand there once
only. Counting the name settles nearly every request; only a body that holds it twice anywhere is
looked at exactly.
"""

import re

from dragoman.errors import Failure

NAMES = ("model", "stream", "messages")
_QUOTED = [b'"%b"' % name.encode() for name in NAMES]
_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*+")(\s*:)?|([\[{])|([\]}])', re.DOTALL)


def refuse(body: bytes) -> None:
    """Raises :class:`Failure` ``invalid_json`` if one of :data:`NAMES` stands twice. ``body`` is
    valid JSON."""
    for quoted in _QUOTED:
        if body.count(quoted) > 1:
            _refuse_exactly(body)
            return


def _refuse_exactly(body: bytes) -> None:
    depth = 0
    seen: set[bytes] = set()
    for text, colon, opening, closing in _TOKEN.findall(body):
        if opening:
            depth += 1
        elif closing:
            depth -= 1
        elif colon and depth == 1 and text in _QUOTED:
            if text in seen:
                name = text[1:-1].decode()
                raise Failure("invalid_json", f"The request body holds '{name}' twice.", param=name)
            seen.add(text)
