"""A whole chat completion (protocol.md §6c)."""

from collections.abc import Mapping

from msgspec import Raw

from dragoman.carriers.openai import chunks
from dragoman.carriers.openai.details import Details
from dragoman.carriers.openai.errors import error_event, stream_failure
from dragoman.carriers.openai.names import made_id
from dragoman.carriers.openai.reader import answer_id, stop_reason
from dragoman.carriers.openai.usage import read_usage
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import Reply
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse

_UNSIGNED = Raw(b'""')


def read_reply(body: bytes, names: Mapping[str, str] | None = None) -> Reply:
    """A completion; of several choices the first.

    ``names``: upstream's tool names → the hub's, where they differ. Raises :class:`Failure`
    ``upstream_nonsense``; an error sent as 200 raises as that error.
    """
    if not jsonio.is_utf8(body):
        raise _nonsense("not UTF-8", body)
    try:
        try:
            return _read(chunks.decoder.decode(body), names or {})
        except jsonio.Malformed:
            mended = jsonio.without_lone_surrogates(body)
            return _read(chunks.decoder.decode(mended), names or {})
    except jsonio.Malformed as error:
        raise _nonsense(str(error), body) from None
    except jsonio.Mismatch as error:
        raise _nonsense(f"{error.reason} at {error.path!r}", body) from None


def _read(chunk: chunks.Chunk, names: Mapping[str, str]) -> Reply:
    if chunks.there(chunk.error):
        raise stream_failure(error_event(chunk.error))
    choice = next((one for one in chunk.choices or () if not one.index), None)
    if choice is None or choice.message is None:
        raise jsonio.Mismatch("Missing message", "choices")
    if choice.finish_reason in chunks.BROKEN:
        raise Failure("upstream_fault", "The upstream failed to answer.", detail="given up")
    said = choice.message
    content: list[Text | Thinking | RedactedThinking | ToolUse | Raw] = []
    thought = chunks.thought(said)
    if thought is not None:
        content.append(Thinking(Raw(thought), _UNSIGNED))
    text = chunks.text(said)
    if text is not None:
        content.append(Text(Raw(text)))
    calls = _calls(said, chunk.id or "", names)
    content += calls
    if chunks.there(said.reasoning_details):
        details = Details()
        details.add(said.reasoning_details)
        if sealed := details.sealed():
            thoughts = sum([isinstance(block, Thinking) for block in content])
            content.insert(thoughts, Thinking(_UNSIGNED, Raw(sealed)))
    usage = choice.usage if chunks.there(choice.usage) else chunk.usage
    stop = stop_reason(choice.finish_reason, bool(calls), chunks.there(said.refusal))
    return Reply(
        answer_id(chunk.id), chunk.model or "", content, stop, None, None, read_usage(usage)
    )


def _calls(said: chunks.Said, answer: str, names: Mapping[str, str]) -> list[ToolUse]:
    given = [(call.id or "", call.function or chunks.Called()) for call in said.tool_calls or ()]
    if said.function_call is not None:
        given.append(("", said.function_call))
    made: list[ToolUse] = []
    for at, (call_id, called) in enumerate(given):
        if not called.name:
            raise jsonio.Mismatch("Missing name", "tool_calls.function")
        name = names.get(called.name, called.name)
        made.append(ToolUse(call_id or made_id(answer, at), name, _input(called)))
    return made


def _input(called: chunks.Called) -> Raw:
    """A call's arguments as an object; what is none stands in one, so that it is not lost."""
    written = jsonio.text_of(chunks.arguments(called)).strip()
    if not written:
        return Raw(b"{}")
    try:
        found = jsonio.raw(written.encode("utf-8", "replace"))
    except jsonio.Malformed:
        found = Raw(b"")
    if bytes(found)[:1] == b"{":
        return found
    return Raw(jsonio.encode({"INVALID_JSON": written}))


def _nonsense(reason: str, body: bytes) -> Failure:
    return Failure(
        "upstream_nonsense",
        "The upstream answered with something that is not a message.",
        detail=f"{reason}: {body[:200]!r}",
    )
