"""The response object (protocol.md §6e): what a whole answer is, and what a stream begins and ends
with."""

from msgspec import Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import SERVICE_TIERS
from dragoman.dialects.chat.parsed import Parsed
from dragoman.errors import Failure
from dragoman.hub.usage import Usage


class _InputDetails(Struct):
    cached_tokens: int
    cache_write_tokens: int


class _OutputDetails(Struct):
    reasoning_tokens: int


class _Usage(Struct):
    input_tokens: int
    input_tokens_details: _InputDetails
    output_tokens: int
    output_tokens_details: _OutputDetails
    total_tokens: int


class _Error(Struct):
    code: str
    message: str


_CODES = frozenset(
    {
        "rate_limit_exceeded",
        "context_length_exceeded",
        "insufficient_quota",
        "invalid_image_format",
        "invalid_image_url",
    }
)
"""Codes of an error inside a response that its clients act upon; all others are the server's."""


class Frozen:
    """What is the same in all response objects of one answer."""

    __slots__ = ("_echo", "_head", "_model", "id")

    def __init__(self, parsed: Parsed, response_id: str, created: int) -> None:
        self.id = response_id
        self._head = b'{"id":%b,"object":"response","created_at":%d,"model":%b' % (
            jsonio.encode(response_id),
            created,
            jsonio.encode(parsed.client_model),
        )
        self._echo = parsed.echo

    def begun(self) -> bytes:
        """The object while there is nothing to show yet."""
        return self._written(b"in_progress", (), b'"auto"', b"null")

    def ended(self, items: list[bytes], usage: Usage, reason: str) -> bytes:
        """The object of an answer that came to its end. ``reason``: why it is incomplete, if it
        is."""
        tier = jsonio.encode(SERVICE_TIERS.get(usage.service_tier or "", "default"))
        if not reason:
            return self._written(b"completed", items, tier, _usage(usage))
        details = jsonio.encode({"reason": reason})
        return self._written(b"incomplete", items, tier, _usage(usage), incomplete=details)

    def failed(self, items: list[bytes], failure: Failure) -> bytes:
        """The object of an answer that broke off."""
        code = failure.row.openai_code or ""
        told = _Error(code if code in _CODES else "server_error", said(failure))
        return self._written(b"failed", items, b'"default"', b"null", error=jsonio.encode(told))

    def _written(
        self,
        status: bytes,
        items: list[bytes] | tuple[()],
        tier: bytes,
        usage: bytes,
        **other: bytes,
    ) -> bytes:
        return (
            b'%b,"status":"%b","error":%b,"incomplete_details":%b,"output":[%b],"service_tier":%b,'
            b'"usage":%b%b'
            % (
                self._head,
                status,
                other.get("error", b"null"),
                other.get("incomplete", b"null"),
                b",".join(items),
                tier,
                usage,
                self._echo,
            )
        )


def said(failure: Failure) -> str:
    """A failure's message where no header can say when to come back: Codex reads it out of the
    words (protocol.md §6e)."""
    if failure.retry_after_s is None:
        return failure.message
    return f"{failure.message} Please try again in {failure.retry_after_s:.3g}s."


def _usage(usage: Usage) -> bytes:
    return jsonio.encode(
        _Usage(
            usage.prompt,
            _InputDetails(usage.cache_read, usage.cache_write),
            usage.output,
            _OutputDetails(usage.thinking),
            usage.total,
        )
    )
