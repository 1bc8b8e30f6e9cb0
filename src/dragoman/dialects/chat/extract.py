"""The first JSON object of a text, found while the text still arrives.

A model that was only asked for JSON may put a fence or a sentence around it. :class:`Extractor`
passes on the object and nothing else. A text without any object comes out whole at its end:
something that is not JSON is better than nothing at all.
"""

import re

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

    def feed(self, text: str) -> str:
        """What of the object ``text`` brings."""
        if self._done:
            return ""
        at = 0
        if not self._depth:
            at = text.find("{")
            if at < 0:
                self._before.append(text)
                return ""
            self._before.clear()
        end = self._scan(text, at)
        return text[at:end]

    def close(self) -> str:
        """What is left when no object came."""
        left = "".join(self._before)
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


def extract(text: str) -> str:
    """The first object of a whole text, or the text."""
    extractor = Extractor()
    return extractor.feed(text) + extractor.close()
