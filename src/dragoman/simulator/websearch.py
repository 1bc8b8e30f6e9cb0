"""The server tool ``web_search``: a search that the API would run itself, with made-up results.

What comes back has the shape of the real thing, ids and citations included, and says in every title
that it is simulated; the addresses are under example.com, which nobody can own.
"""

import base64
import hashlib
from urllib.parse import quote

from dragoman.simulator.phrases import PHRASES
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.shape import Json

_RESULTS = 3


def search_blocks(prompt: Prompt, query: str) -> list[Json]:
    """The call and its results; :func:`cited_text` follows them."""
    identity = "srvtoolu_01" + hashlib.blake2b(prompt.digest, digest_size=11).hexdigest()
    results = [_result(prompt, query, number) for number in range(1, _RESULTS + 1)]
    return [
        {
            "type": "server_tool_use",
            "id": identity,
            "name": "web_search",
            "input": {"query": query},
        },
        {"type": "web_search_tool_result", "tool_use_id": identity, "content": results},
    ]


def _result(prompt: Prompt, query: str, number: int) -> Json:
    return {
        "type": "web_search_result",
        "title": f"Simulated result {number}: {query[:80]}",
        "url": f"https://example.com/{number}?q={quote(query[:40])}",
        "encrypted_content": _opaque(prompt, b"content", number),
        "page_age": None,
    }


def cited_text(prompt: Prompt, query: str) -> list[Json]:
    """Text that cites the first result."""
    phrases = PHRASES[prompt.language]
    first = _result(prompt, query, 1)
    citation = {
        "type": "web_search_result_location",
        "cited_text": first["title"],
        "url": first["url"],
        "title": first["title"],
        "encrypted_index": _opaque(prompt, b"index", 1),
    }
    return [
        {"type": "text", "text": phrases.searched.format(query=query) + phrases.space},
        {
            "type": "text",
            "text": phrases.found.format(title=first["title"]) + phrases.space,
            "citations": [citation],
        },
    ]


def _opaque(prompt: Prompt, purpose: bytes, number: int) -> str:
    raw = hashlib.shake_128(prompt.digest + purpose + b"%d" % number).digest(96)
    return base64.b64encode(raw).decode()
