"""How long a prompt is, roughly, where upstream is not asked.

Base64 is left out of a text's size and counted as what it stands for: a picture, or a document of a
few pages.
"""

import re

from dragoman.dialects.chat import Parsed

_BASE64 = b'"base64"'
_DATA = re.compile(rb'"data"\s*:\s*"[A-Za-z0-9+/=\\]{256,}"')
_MEDIUM_BYTES = 6000
"""What one of them counts as: 1,500 tokens."""
_BYTES_PER_TOKEN = 3.5
"""Of English text and JSON with Claude's newer tokenizers (protocol.md §1, §6d)."""


def prompt_bytes(body: bytes) -> int:
    """Bytes of a body without base64, for :attr:`Parsed.prompt_bytes`."""
    size = len(body)
    if body.find(_BASE64) >= 0:
        for found in _DATA.finditer(body):
            size += _MEDIUM_BYTES - (found.end() - found.start())
    return size


def estimate(parsed: Parsed) -> int:
    """Tokens of the prompt, at least 1."""
    return tokens(parsed.prompt_bytes)


def tokens(size: int) -> int:
    """Tokens of a text of so many bytes, at least 1."""
    return max(1, int(size / _BYTES_PER_TOKEN))
