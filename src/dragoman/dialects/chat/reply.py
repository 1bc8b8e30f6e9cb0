"""Whole answers: :func:`reply` writes a ``chat.completion`` (protocol.md §4c, §5c)."""

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.codec import jsonio
from dragoman.dialects.chat.annotations import Annotation, of_blocks
from dragoman.dialects.chat.answer import (
    SERVICE_TIERS,
    EncryptedDetail,
    RedactedBlock,
    TextDetail,
    ThinkingBlock,
    Thoughts,
    WireUsage,
    finish_reason,
    reply_id,
    wire_usage,
)
from dragoman.dialects.chat.extract import Extractor, left
from dragoman.dialects.chat.parsed import IN_WORDS, JSON_TOOL, JsonMode, Parsed
from dragoman.dialects.chat.plain import plain
from dragoman.hub.events import Reply
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import Usage

_EMPTY = Raw(b'""')


class CalledFunction(Struct):
    name: str
    arguments: Raw


class CalledCustom(Struct):
    name: str
    input: Raw


class FunctionCall(Struct):
    id: str
    type: str
    function: CalledFunction


class CustomCall(Struct):
    id: str
    type: str
    custom: CalledCustom


class Message(Struct, omit_defaults=True):
    role: str | UnsetType
    content: Raw | UnsetType | None
    refusal: Raw | UnsetType | None
    tool_calls: list[FunctionCall | CustomCall] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    thinking_blocks: list[ThinkingBlock | RedactedBlock] | UnsetType = UNSET
    reasoning_details: list[TextDetail | EncryptedDetail] | UnsetType = UNSET
    annotations: list[Annotation] | UnsetType = UNSET


class Choice(Struct):
    index: int
    message: Message
    logprobs: None
    finish_reason: str


class Completion(Struct, omit_defaults=True):
    id: str
    object: str | UnsetType
    created: int
    model: str
    choices: list[Choice]
    usage: WireUsage
    service_tier: str | UnsetType = UNSET


def reply(
    parsed: Parsed, message: Reply | list[Reply], created: int, usage: Usage | None = None
) -> bytes:
    """The answer's body. Several messages are the choices of ``n``; their usage is summed.

    ``created`` is seconds since 1970; ``usage`` is the sum where the caller has it already.
    """
    messages = message if isinstance(message, list) else [message]
    if usage is None:
        usage = _summed(messages)
    if len(messages) == 1:
        body = plain(parsed, messages[0], created, usage)
        if body is not None:
            return body
    return full(parsed, messages, created, usage)


def full(parsed: Parsed, messages: list[Reply], created: int, usage: Usage) -> bytes:
    """The answer's body, whatever is in it."""
    completion = Completion(
        reply_id(messages[0].id),
        "chat.completion",
        created,
        parsed.client_model,
        [_choice(parsed, index, one) for index, one in enumerate(messages)],
        wire_usage(usage),
    )
    tier = SERVICE_TIERS.get(usage.service_tier or "")
    if tier is not None:
        completion.service_tier = tier
    return jsonio.encode(completion)


def _summed(messages: list[Reply]) -> Usage:
    usage = Usage()
    for one in messages:
        own = Usage()
        own.fold(one.usage)
        usage.add(own)
    return usage


def _choice(parsed: Parsed, index: int, message: Reply) -> Choice:
    texts: list[bytes] = []
    cites = False
    calls: list[ToolUse] = []
    thoughts = Thoughts()
    reasoning: list[bytes] = []
    for block in message.content:
        if isinstance(block, Text):
            texts.append(bytes(block.text))
            cites = cites or block.citations is not UNSET
        elif isinstance(block, ToolUse):
            _take_call(block, texts, calls, parsed)
        elif isinstance(block, Thinking):
            reasoning.append(bytes(block.thinking))
            thoughts.add(block, texts=bool(texts), calls=len(calls))
        elif isinstance(block, RedactedThinking):
            thoughts.add(block, texts=bool(texts), calls=len(calls))
    finish = finish_reason(message.stop_reason, calls=bool(calls), legacy=parsed.legacy)
    made = Message("assistant", _content(texts, parsed, finish, none=bool(calls)), None)
    if message.stop_reason == "refusal" and message.explanation:
        made.refusal = jsonio.quote(message.explanation)
    if cites:
        _add_annotations(made, message, parsed)
    _add_calls(made, calls, parsed)
    if parsed.show_reasoning:
        _add_thoughts(made, thoughts, reasoning)
    return Choice(index, made, None, finish)


def _take_call(block: ToolUse, texts: list[bytes], calls: list[ToolUse], parsed: Parsed) -> None:
    """A call, or the text that the JSON tool stands for. Legacy clients know one call."""
    if parsed.json_mode is JsonMode.TOOL and block.name == JSON_TOOL:
        texts.append(jsonio.nested(block.input))
    elif not (parsed.legacy and calls):
        calls.append(block)


def _content(texts: list[bytes], parsed: Parsed, finish: str, *, none: bool) -> Raw | None:
    if not texts:
        return None if none else _EMPTY
    joined = jsonio.join(texts)
    if parsed.json_mode in IN_WORDS:
        extractor = Extractor()
        found = extractor.feed(jsonio.text_of(joined))
        return jsonio.quote(found + left(extractor, parsed.json_mode, finish))
    return Raw(joined)


def _add_annotations(made: Message, message: Reply, parsed: Parsed) -> None:
    found = of_blocks([block for block in message.content if isinstance(block, Text)])
    cut_out: int | None = None
    if parsed.json_mode in IN_WORDS and isinstance(made.content, Raw):
        cut_out = len(jsonio.unquote(made.content))
    annotations = found.finish(cut_out)
    if annotations:
        made.annotations = annotations


def custom_input(data: bytes | Raw) -> Raw:
    """A custom tool's text out of the object it was wrapped in."""
    found = _inputs.decode(data).get("input")
    if found is not None and bytes(found)[:1] == b'"':
        return found
    return jsonio.quote(jsonio.compact(data).decode())


_inputs = jsonio.Decoder(dict[str, Raw])


def _add_calls(made: Message, calls: list[ToolUse], parsed: Parsed) -> None:
    if not calls:
        return
    if parsed.legacy:
        name = parsed.names.get(calls[0].name, calls[0].name)
        made.function_call = CalledFunction(name, Raw(jsonio.nested(calls[0].input)))
        return
    found: list[FunctionCall | CustomCall] = []
    for call in calls:
        name = parsed.names.get(call.name, call.name)
        if call.name in parsed.customs:
            custom = CalledCustom(name, custom_input(call.input))
            found.append(CustomCall(call.id, "custom", custom))
        else:
            function = CalledFunction(name, Raw(jsonio.nested(call.input)))
            found.append(FunctionCall(call.id, "function", function))
    made.tool_calls = found


def _add_thoughts(made: Message, thoughts: Thoughts, reasoning: list[bytes]) -> None:
    if any(text != b'""' for text in reasoning):
        made.reasoning_content = Raw(jsonio.join(reasoning))
    if thoughts.blocks:
        made.thinking_blocks = thoughts.blocks
        made.reasoning_details = thoughts.details
