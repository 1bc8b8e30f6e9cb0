"""What is the same wherever Claude is served by somebody else than Anthropic.

The clouds take the Messages request with the model in the URL instead of the body, their own name
for the protocol's version, no automatic prompt caching and no URLs of images; their front doors
refuse in words of their own, which are turned into Anthropic's here, so that one table
(``anthropic.errors``) decides what a refusal means.
"""

from collections.abc import Iterator

from msgspec import UNSET, structs

from dragoman.carriers import anthropic
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.request import (
    Block,
    Document,
    Image,
    Message,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}
"""Anthropic's types and their statuses (protocol.md §2c)."""


def without_model(request: Request, opening: bytes, *, stream: bool) -> bytes:
    """The body with ``opening`` (members, each followed by a comma) in the place of the model.

    ``stream``: whether the body says if the answer is to be a stream. The same request gives the
    same bytes.
    """
    marked = explicit_marks(anthropic.signed_only(request))
    # A service tier buys from Anthropic what the clouds sell in other ways; both its values are
    # what they do anyway.
    bare = structs.replace(marked, model="", service_tier=UNSET)
    if not stream:
        bare.stream = False
    return b"{%b%b" % (opening, jsonio.encode(bare).removeprefix(b'{"model":"",'))


def explicit_marks(request: Request) -> Request:
    """The request with the automatic cache mark, where it has one, on its last block.

    That is where upstream would put it. Older models on the clouds refuse ``cache_control`` at
    the top of a request; marks on blocks are taken by all (protocol.md §2b rule 33).
    """
    mark = request.cache_control
    if mark is UNSET:
        return request
    messages = list(request.messages)
    for at in range(len(messages) - 1, -1, -1):
        content = messages[at].content
        for place in range(len(content) - 1, -1, -1):
            block = content[place]
            if isinstance(block, Text | Image | Document | ToolUse | ToolResult):
                if block.cache_control is UNSET:
                    marked = [*content]
                    marked[place] = structs.replace(block, cache_control=mark)
                    messages[at] = Message(messages[at].role, marked)
                return structs.replace(request, messages=messages, cache_control=UNSET)
            if not isinstance(block, Thinking | RedactedThinking):
                break
    return structs.replace(request, cache_control=UNSET)


def refuse_urls(request: Request) -> None:
    """Raise ``unsupported_here`` for images and documents that are only named by their URL.

    Bedrock's InvokeModel and Vertex fetch none (protocol.md §2b rule 36).
    """
    for at, message in enumerate(request.messages):
        for place, block in enumerate(message.content):
            if any(isinstance(one.source, UrlSource) for one in _media(block)):
                raise Failure(
                    "unsupported_here",
                    "No account that is available takes images or documents by URL. "
                    "Send them as base64.",
                    param=f"messages.{at}.content.{place}",
                )


def _media(block: Block) -> Iterator[Image | Document]:
    if isinstance(block, Image | Document):
        yield block
    elif isinstance(block, ToolResult) and block.content is not UNSET:
        yield from (part for part in block.content if isinstance(part, Image | Document))


def restated(kind: str, message: str, headers: dict[str, str], said: str) -> Failure:
    """The failure that an error of Anthropic's ``kind`` with this message would be.

    ``headers`` may tell when to come back; ``said`` is what was really answered, for the log.
    """
    body = jsonio.encode({"type": "error", "error": {"type": kind, "message": message}})
    failure = anthropic.read_error(_STATUS[kind], headers, body)
    failure.detail = said
    return failure
