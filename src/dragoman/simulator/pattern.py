"""Text that matches a regular expression, made by reading the expression and never by running it.

Enough of the ECMA dialect for the patterns people write into schemas: literals, classes, escapes,
groups, alternatives, quantifiers, anchors. Look-around and back-references are skipped, so for
those the text is a best effort. Time is linear in the length of what is made, which is bounded.
"""

MAX_REPEAT = 64
"""Repetitions made of anything, whatever the pattern asks for."""
MAX_LENGTH = 65_536
"""Characters made of one quantified part."""
_MAX_DEPTH = 24
_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_DIGITS = "0123456789"
_SPACE = " \t\n"
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_OUTSIDE = {"D": "a", "W": "-", "S": "a"}
_HEX = {"x": 2, "u": 4}


def example(pattern: str, least: int = 0) -> str:
    """A text that matches ``pattern``; quantifiers are stretched towards ``least`` characters."""
    short = _Reader(pattern, 0).read()
    if len(short) >= least:
        return short
    stretched = _Reader(pattern, min(MAX_REPEAT, least)).read()
    return stretched if len(stretched) > len(short) else short


class _Reader:
    """Reads a pattern once and writes the text that belongs to it."""

    def __init__(self, pattern: str, stretch: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._stretch = stretch

    def read(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._alternatives(0))
            if self._peek() == ")":
                self._at += 1
        return "".join(parts)

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _take(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _alternatives(self, depth: int) -> str:
        """The first branch; the others are read and thrown away."""
        made = self._sequence(depth)
        while self._peek() == "|":
            self._at += 1
            self._sequence(depth)
        return made

    def _sequence(self, depth: int) -> str:
        parts: list[str] = []
        while (character := self._peek()) and character not in "|)":
            choices = self._atom(depth)
            parts.append(self._repeated(choices))
        return "".join(parts)

    def _atom(self, depth: int) -> str:
        character = self._take()
        match character:
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "[":
                return self._class()
            case "(":
                return self._group(depth)
            case "\\":
                return self._escape()
            case _:
                return character

    def _group(self, depth: int) -> str:
        skipped = False
        if self._peek() == "?":
            self._at += 1
            kind = self._take()
            if kind == "P":
                kind = self._take()
            if kind == "<" and self._peek() not in "=!":
                while self._take() not in ("", ">"):
                    pass
            elif kind in "=!<":
                skipped = True
        made = self._alternatives(depth + 1) if depth < _MAX_DEPTH else ""
        if self._peek() == ")":
            self._at += 1
        return "" if skipped else made

    def _escape(self) -> str:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character][0]
        if character in "bB":
            return ""
        if character in _OUTSIDE:
            return _OUTSIDE[character]
        if character in "pP":
            return self._property(character)
        return self._literal(character)

    def _literal(self, character: str) -> str:
        if character in _HEX:
            digits = self._pattern[self._at : self._at + _HEX[character]]
            if len(digits) == _HEX[character] and all(
                c in "0123456789abcdefABCDEF" for c in digits
            ):
                self._at += len(digits)
                return chr(int(digits, 16))
        return _ESCAPED.get(character, character)

    def _property(self, kind: str) -> str:
        name = ""
        if self._peek() == "{":
            end = self._pattern.find("}", self._at)
            if end > 0:
                name = self._pattern[self._at + 1 : end]
                self._at = end + 1
        wanted = {"N": "1", "P": "-", "S": "+", "Z": " "}.get(name[:1], "A")
        if kind == "P":
            return "1" if wanted == "A" else "A"
        return "a" if name == "Ll" else wanted

    def _class(self) -> str:
        """One character of a class, a letter or digit if there is one."""
        negated = self._peek() == "^"
        self._at += negated
        members: list[str] = []
        first = True
        while (character := self._take()) and (character != "]" or first):
            first = False
            low = self._member(character)
            if (
                len(low) == 1
                and self._peek() == "-"
                and self._pattern[self._at + 1 :][:1] not in "]"
            ):
                self._at += 1
                high = self._member(self._take())
                members.append(low if len(high) != 1 else _between(low, high))
            else:
                members.append(low)
        listed = "".join(members)
        if negated:
            return next((c for c in (*_WORD, *_PRINTABLE) if c not in listed), "\u00e9")
        return next((c for c in listed if c.isalnum()), listed[:1])

    def _member(self, character: str) -> str:
        """What one item of a class stands for: a character, or all of ``\\d``, ``\\w``, ``\\s``."""
        if character != "\\":
            return character
        escaped = self._take()
        if escaped in _CLASSES:
            return _CLASSES[escaped]
        if escaped in _OUTSIDE:
            return _OUTSIDE[escaped]
        if escaped == "b":
            return "\b"
        return self._literal(escaped)

    def _repeated(self, atom: str) -> str:
        least, most = self._quantifier()
        count = max(least, min(most, self._stretch)) if (least, most) != (1, 1) else 1
        # Nested quantifiers multiply: what is made stays bounded even so.
        most_copies = MAX_LENGTH // max(1, len(atom))
        return atom * min(count, max(least, MAX_REPEAT), most_copies)

    def _quantifier(self) -> tuple[int, int]:
        bounds = (1, 1)
        match self._peek():
            case "*":
                bounds = (0, MAX_REPEAT)
            case "+":
                bounds = (1, MAX_REPEAT)
            case "?":
                bounds = (0, 1)
            case "{":
                return self._counted()
            case _:
                return bounds
        self._at += 1
        self._lazy()
        return bounds

    def _counted(self) -> tuple[int, int]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not low.isdigit() or not (high.isdigit() or not high):
            return 1, 1
        self._at = end + 1
        self._lazy()
        least = min(int(low[:6]), 4096)
        if not comma:
            return least, least
        return least, max(least, min(int(high[:6]), 4096)) if high else max(least, MAX_REPEAT)

    def _lazy(self) -> None:
        if self._peek() in ("?", "+") and self._peek():
            self._at += 1


def _between(low: str, high: str) -> str:
    """A range, as far as it is worth listing."""
    start, end = ord(low), ord(high)
    return "".join(chr(code) for code in range(start, min(end, start + 128) + 1))
