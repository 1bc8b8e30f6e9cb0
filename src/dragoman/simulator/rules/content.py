"""The shape of content blocks: what each kind of block may hold (the SDK's
``*_block_param.py``)."""

from dragoman.simulator.rules import fields
from dragoman.simulator.rules.fields import (
    TYPE,
    Check,
    array,
    nullable,
    one_of,
    optional,
    record,
    required,
    string,
    tagged,
)

ID_PATTERN = "^[a-zA-Z0-9_-]+$"
NAME_PATTERN = "^[a-zA-Z0-9_-]{1,128}$"
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

cache_control = tagged({"ephemeral": record({"type": TYPE, "ttl": optional(one_of("5m", "1h"))})})
_CACHED = {"cache_control": nullable(cache_control)}
_FREE = fields.anything


_image_source = tagged(
    {
        "base64": record(
            {
                "type": TYPE,
                "media_type": required(one_of(*IMAGE_TYPES)),
                "data": required(string),
            }
        ),
        "url": record({"type": TYPE, "url": required(string)}),
        "file": record({"type": TYPE, "file_id": required(string)}),
    }
)
_citation_switch = record({"enabled": optional(fields.boolean)})
text_block = record(
    {
        "type": TYPE,
        "text": required(string),
        "citations": nullable(array(_FREE)),
        **_CACHED,
    }
)
image_block = record(
    {
        "type": TYPE,
        "source": required(_image_source),
        "transformations": nullable(_FREE),
        **_CACHED,
    }
)
_only_text = tagged({"text": text_block})
_in_document = tagged({"text": text_block, "image": image_block})
document_block = record(
    {
        "type": TYPE,
        "source": required(
            tagged(
                {
                    "base64": record(
                        {
                            "type": TYPE,
                            "media_type": required(one_of("application/pdf")),
                            "data": required(string),
                        }
                    ),
                    "text": record(
                        {
                            "type": TYPE,
                            "media_type": required(one_of("text/plain")),
                            "data": required(string),
                        }
                    ),
                    "content": record(
                        {
                            "type": TYPE,
                            "content": required(fields.string_or(array(_in_document))),
                        }
                    ),
                    "url": record({"type": TYPE, "url": required(string)}),
                    "file": record({"type": TYPE, "file_id": required(string)}),
                }
            )
        ),
        "title": nullable(string),
        "context": nullable(string),
        "citations": nullable(_citation_switch),
        **_CACHED,
    }
)
_search_result = record(
    {
        "type": TYPE,
        "source": required(string),
        "title": required(string),
        "content": required(array(_only_text)),
        "citations": optional(_citation_switch),
        **_CACHED,
    }
)
_tool_reference = record({"type": TYPE, "tool_name": required(string), **_CACHED})
_result_content = tagged(
    {
        "text": text_block,
        "image": image_block,
        "document": document_block,
        "search_result": _search_result,
        "tool_reference": _tool_reference,
        "browser_state": record({"type": TYPE}, open=True),
    }
)
_tool_use = record(
    {
        "type": TYPE,
        "id": required(fields.text(pattern=ID_PATTERN)),
        "name": required(fields.text(least=1, most=200)),
        "input": required(fields.mapping),
        "caller": optional(_FREE),
        "toolset_name": nullable(string),
        **_CACHED,
    }
)
_tool_result = record(
    {
        "type": TYPE,
        "tool_use_id": required(fields.text(pattern=ID_PATTERN)),
        "content": optional(fields.string_or(array(_result_content))),
        "is_error": optional(fields.boolean),
        "toolset_name": nullable(string),
        **_CACHED,
    }
)
_server_tool_use = record(
    {
        "type": TYPE,
        "id": required(fields.text(pattern="^srvtoolu_[a-zA-Z0-9_]+$")),
        "name": required(string),
        "input": required(fields.mapping),
        "caller": optional(_FREE),
        **_CACHED,
    }
)
_web_search_result = record(
    {
        "type": TYPE,
        "tool_use_id": required(string),
        "content": required(_FREE),
        "caller": optional(_FREE),
        **_CACHED,
    }
)
_open: Check = record({"type": TYPE}, open=True)
_KINDS: dict[str, Check] = {
    "text": text_block,
    "image": image_block,
    "document": document_block,
    "search_result": _search_result,
    "thinking": record({"type": TYPE, "thinking": required(string), "signature": required(string)}),
    "redacted_thinking": record({"type": TYPE, "data": required(string)}),
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_use,
    "web_search_tool_result": _web_search_result,
    "web_fetch_tool_result": _open,
    "code_execution_tool_result": _open,
    "bash_code_execution_tool_result": _open,
    "text_editor_code_execution_tool_result": _open,
    "tool_search_tool_result": _open,
    "container_upload": _open,
}
_BETA_KINDS: dict[str, Check] = {
    name: _open
    for name in (
        "advisor_tool_result",
        "compaction",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_result",
        "mcp_tool_use",
        "tool_addition",
        "tool_removal",
    )
}
block = tagged(_KINDS)
"""A content block of a message."""
beta_block = tagged({**_KINDS, **_BETA_KINDS})
"""The same where a beta is on."""
system_block = _only_text
"""A block of the ``system`` parameter."""
