"""The first JSON object of a text, found while the text still arrives.

A model that was only asked for JSON may put a fence or a sentence around it. :class:`Extractor`
passes on the object and nothing else. A text without any object comes out whole at its end:
something that is not JSON is better than nothing at all. Where any object will do, :func:`left`
makes one of it.
"""

import re

from dragoman.codec import jsonio
from dragoman.dialects.chat.parsed import JsonMode

_BEGIN = re.compile(r'\{[ \t\r\n]{0,64}["}]')
"""An object's first bytes; a brace in a sentence (``{name}``) begins none."""
_MAYBE = re.compile(r"\{[ \t\r\n]{0,64}\Z")
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')


class Extractor:
    """Text in, the object's text out. One pass, whatever the pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip: int = 0
        self._done = False
        self._before: list[str] = []
        self._maybe = ""
        """A brace at the end of what came: what follows decides whether an object begins."""

    def feed(self, text: str) -> str:
        """What of the object ``text`` brings."""
        if self._done:
            return ""
        at = 0
        if not self._depth:
            text = self._maybe + text
            found = _BEGIN.search(text)
            if found is None:
                self._wait(text)
                return ""
            at = found.start()
            self._before.clear()
        end = self._scan(text, at)
        return text[at:end]

    def _wait(self, text: str) -> None:
        found = _MAYBE.search(text)
        end = len(text) if found is None else found.start()
        self._before.append(text[:end])
        self._maybe = text[end:]

    def close(self) -> str:
        """What is left when no object came."""
        left = "".join(self._before) + self._maybe
        self._before.clear()
        return "" if self._depth or self._done else left

    def _scan(self, text: str, at: int) -> int:
        """Follow the object from ``at``; returns where it, or the text, ends."""
        at += self._skip
        self._skip = 0
        while at < len(text):
            found = (_INSIDE if self._in_string else _OUTSIDE).search(text, at)
            if found is None:
                return len(text)
            at = found.end()
            mark = found.group()
            if mark == "\\":
                at += 1
            elif mark == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark in "{[" else -1
                if self._depth == 0:
                    self._done = True
                    return at
        self._skip = at - len(text)
        return len(text)


def left(extractor: Extractor, mode: JsonMode, finish_reason: str) -> str:
    """What is left at the end of an answer.

    A whole answer without an object becomes ``{"text": …}`` where any object will do. One that was
    cut off or refused, or that stands beside calls, stays as it is, and so does a blank one.
    """
    text = extractor.close()
    if mode is not JsonMode.OBJECT or finish_reason != "stop" or not text.strip():
        return text
    return f'{{"text":{bytes(jsonio.quote(text)).decode()}}}'
