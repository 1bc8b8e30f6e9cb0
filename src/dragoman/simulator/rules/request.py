"""The shape of a whole request body (protocol.md §2a; the SDK's ``message_create_params.py``)."""

from dragoman.simulator.rules import content, fields
from dragoman.simulator.rules.fields import (
    TYPE,
    Check,
    Field,
    array,
    nullable,
    one_of,
    optional,
    record,
    required,
    string,
    string_or,
    tagged,
)
from dragoman.simulator.shape import Json

_FREE = fields.anything
_MAX_MESSAGES = 100_000
EFFORTS = ("low", "medium", "high", "xhigh", "max")

_flag = optional(fields.boolean)
_auto = record({"type": TYPE, "disable_parallel_tool_use": _flag})
tool_choice = tagged(
    {
        "auto": _auto,
        "any": _auto,
        "tool": record(
            {"type": TYPE, "name": required(string), "disable_parallel_tool_use": _flag}
        ),
        "none": record({"type": TYPE}),
    }
)
_display = nullable(one_of("summarized", "omitted", "updates"))
_thinking = tagged(
    {
        "enabled": record(
            {"type": TYPE, "budget_tokens": required(fields.integer(1024)), "display": _display}
        ),
        "disabled": record({"type": TYPE}),
        "adaptive": record({"type": TYPE, "display": _display, "block_binding": nullable(_FREE)}),
        "between_tools": record({"type": TYPE}),
    }
)
_format = tagged({"json_schema": record({"type": TYPE, "schema": required(fields.mapping)})})
_output_config = {
    "effort": nullable(one_of(*EFFORTS)),
    "format": nullable(_format),
}
_metadata = record({"user_id": nullable(fields.text(most=256))})
_system = string_or(array(content.system_block))
_schema_types = one_of("object")
_input_schema = record(
    {"type": required(_schema_types), "properties": nullable(fields.mapping)}, open=True
)
_custom_tool = record(
    {
        "type": nullable(string),
        "name": required(fields.text(pattern=content.NAME_PATTERN)),
        "description": optional(string),
        "input_schema": required(_input_schema),
        "strict": _flag,
        "defer_loading": _flag,
        "eager_input_streaming": nullable(fields.boolean),
        "input_examples": optional(array(fields.mapping)),
        "allowed_callers": optional(array(string)),
        "cache_control": nullable(content.cache_control),
    }
)
_typed_tool = record(
    {
        "type": TYPE,
        "name": optional(string),
        "max_uses": nullable(fields.integer(1)),
        "cache_control": nullable(content.cache_control),
    },
    open=True,
)
TYPED_TOOLS = (
    "advisor_20260301",
    "bash_20241022",
    "bash_20250124",
    "browser_toolset_20260801",
    "code_execution_20250522",
    "code_execution_20250825",
    "code_execution_20260120",
    "code_execution_20260521",
    "computer_20241022",
    "computer_20250124",
    "computer_20251124",
    "computer_toolset_20260801",
    "mcp_toolset",
    "memory_20250818",
    "text_editor_20241022",
    "text_editor_20250124",
    "text_editor_20250429",
    "text_editor_20250728",
    "tool_search_tool_bm25_20251119",
    "tool_search_tool_regex_20251119",
    "web_fetch_20250910",
    "web_fetch_20260209",
    "web_fetch_20260309",
    "web_fetch_20260318",
    "web_search_20250305",
    "web_search_20260209",
    "web_search_20260318",
)
"""Tools with a schema of their own, by ``type``."""
_tools_by_type = tagged({"custom": _custom_tool, **dict.fromkeys(TYPED_TOOLS, _typed_tool)})


def tool(value: object, path: str) -> None:
    """A tool; one without ``type`` is a custom tool."""
    if isinstance(value, dict) and value.get("type", "custom") in ("custom", None):  # pyright: ignore[reportUnknownMemberType]
        _custom_tool(value, fields.at(path, "custom"))
    else:
        _tools_by_type(value, path)


def _messages(block: Check, beta: bool) -> Check:
    message = record(
        {
            "role": required(one_of("user", "assistant", "system")),
            "content": required(string_or(array(block))),
            **({"output_config": nullable(_FREE), "clear_at": nullable(_FREE)} if beta else {}),
        }
    )
    each = array(message)

    def check(value: object, path: str) -> None:
        each(value, path)
        if isinstance(value, list) and len(value) > _MAX_MESSAGES:  # pyright: ignore[reportUnknownArgumentType]
            raise fields.refuse(path, f"List should have at most {_MAX_MESSAGES} items")

    return check


_SAMPLING: dict[str, Field] = {
    "temperature": optional(fields.number(0, 1)),
    "top_p": optional(fields.number(0, 1)),
    "top_k": optional(fields.integer(0)),
}
_BETA_ONLY = (
    "context_management",
    "compaction",
    "fallbacks",
    "fallback_credit_token",
    "mcp_servers",
    "thread",
    "billing_policy",
    "output_format",
)


def _shared(beta: bool) -> dict[str, Field]:
    """Fields of both endpoints."""
    config = {**_output_config, **({"task_budget": nullable(_FREE)} if beta else {})}
    block = content.beta_block if beta else content.block
    return {
        "model": required(fields.text(least=1, most=256)),
        "messages": required(_messages(block, beta)),
        "system": optional(_system),
        "tools": optional(array(tool)),
        "tool_choice": optional(tool_choice),
        "thinking": optional(_thinking),
        "output_config": optional(record(config)),
        "cache_control": nullable(content.cache_control),
        "speed": nullable(one_of("standard", "fast")),
        **({name: nullable(_FREE) for name in _BETA_ONLY} if beta else {}),
    }


def _creation(beta: bool, sampling: bool) -> Check:
    return record(
        {
            "max_tokens": required(fields.integer(0)),
            **_shared(beta),
            **(_SAMPLING if sampling else {}),
            "stop_sequences": optional(array(string)),
            "stream": optional(fields.boolean),
            "metadata": optional(_metadata),
            "service_tier": optional(one_of("auto", "standard_only")),
            "container": nullable(_FREE),
            "diagnostics": nullable(record({"previous_message_id": nullable(string)})),
            "inference_geo": nullable(string),
        }
    )


_CREATION = {
    (beta, sampling): _creation(beta, sampling)
    for beta in (False, True)
    for sampling in (False, True)
}
_COUNTING = {beta: record(_shared(beta)) for beta in (False, True)}


def check_creation(body: Json, beta: bool, sampling: bool) -> None:
    """The body of ``POST /v1/messages``. ``sampling``: the API version still has temperature and
    the like. Raises ApiError."""
    _CREATION[beta, sampling](body, "")


def check_counting(body: Json, beta: bool) -> None:
    """The body of ``POST /v1/messages/count_tokens``. Raises ApiError."""
    _COUNTING[beta](body, "")
