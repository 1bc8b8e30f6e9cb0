"""Upstream's refusals and what they mean to us (protocol.md §2c, §5e)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.carriers.anthropic import read_error, stream_failure
from dragoman.codec import jsonio
from dragoman.hub.events import UpstreamError

RESET = {
    "date": "Fri, 20 Nov 2026 10:00:00 GMT",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-20T10:00:45Z",
}
"""A refusal that says only when its limit is whole again."""


def body(kind: str, message: str) -> bytes:
    return jsonio.encode(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    )


INVALID = "invalid_request_error"
TABLE = {
    # status, type, message → kind, status, param, is the message upstream's
    "bad request": (
        400,
        INVALID,
        "max_tokens: 9 > 5, which is",
        "upstream_rejected",
        400,
        "max_tokens",
        True,
    ),
    "path": (
        400,
        INVALID,
        "messages.4.content.1.text: bad",
        "upstream_rejected",
        400,
        "messages.4.content.1.text",
        True,
    ),
    "no path": (400, INVALID, "sorry: this is wrong", "upstream_rejected", 400, None, True),
    "words": (
        400,
        INVALID,
        "This model does not support prefill.",
        "upstream_rejected",
        400,
        None,
        True,
    ),
    "too long": (
        400,
        INVALID,
        "prompt is too long: 210000 tokens > 200000 maximum",
        "context_length",
        400,
        "messages",
        True,
    ),
    "too long, older": (
        400,
        INVALID,
        "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
        "context_length",
        400,
        "messages",
        True,
    ),
    "no credit": (
        400,
        INVALID,
        "Your credit balance is too low to access the API",
        "upstream_unpaid",
        502,
        None,
        False,
    ),
    "usage limit": (
        400,
        INVALID,
        "You have reached your specified API usage limits.",
        "upstream_unpaid",
        502,
        None,
        False,
    ),
    "key": (401, "authentication_error", "invalid x-api-key", "upstream_refused", 502, None, False),
    "billing": (402, "billing_error", "pay", "upstream_unpaid", 502, None, False),
    "disabled": (
        400,
        INVALID,
        "This organization has been disabled.",
        "upstream_refused",
        502,
        None,
        False,
    ),
    "spending cap": (
        429,
        "rate_limit_error",
        "You have reached the spending limit of your tier.",
        "upstream_unpaid",
        502,
        None,
        False,
    ),
    "permission for a model": (
        403,
        "permission_error",
        "Your organization does not have access to claude-opus-5.",
        "model_not_found",
        404,
        "model",
        False,
    ),
    "permission": (403, "permission_error", "not yours", "upstream_refused", 502, None, False),
    "model": (404, "not_found_error", "model: claude-x", "model_not_found", 404, "model", True),
    "path unknown": (404, "not_found_error", "Not found", "upstream_rejected", 404, None, True),
    "timeout": (408, "timeout_error", "slow", "upstream_timeout", 504, None, False),
    "conflict": (409, "conflict_error", "again", "upstream_fault", 502, None, False),
    "large": (413, "request_too_large", "too big", "request_too_large", 413, None, False),
    "unprocessable": (422, INVALID, "odd", "upstream_rejected", 422, None, True),
    "throttled": (
        429,
        "rate_limit_error",
        "org acme is over",
        "upstream_throttled",
        429,
        None,
        False,
    ),
    "fault": (500, "api_error", "Internal server error", "upstream_fault", 502, None, False),
    "unavailable": (503, "overloaded_error", "busy", "upstream_overloaded", 503, None, False),
    "gateway timeout": (504, "timeout_error", "slow", "upstream_timeout", 504, None, False),
    "overloaded": (529, "overloaded_error", "Overloaded", "upstream_overloaded", 503, None, False),
    "redirect": (302, "x", "moved", "upstream_nonsense", 502, None, False),
}


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_table(case: tuple[int, str, str, str, int, str | None, bool]):
    status, kind, message, expected, sent, param, told = case
    failure = read_error(status, {}, body(kind, message))
    assert (failure.kind, failure.status, failure.param) == (expected, sent, param)
    assert (failure.message == message) is told
    assert message in failure.detail


HTML = b"<html><head><title>413 Request Entity Too Large</title></head></html>"


@pytest.mark.parametrize(
    ("status", "kind", "sent"),
    [
        (400, "upstream_nonsense", 502),
        (404, "upstream_nonsense", 502),
        (413, "request_too_large", 413),
        (429, "upstream_throttled", 429),
        (502, "upstream_fault", 502),
        (503, "upstream_overloaded", 503),
        (524, "upstream_fault", 502),
    ],
)
def test_a_body_that_is_not_json_is_told_by_its_status(status: int, kind: str, sent: int):
    failure = read_error(status, {}, HTML)
    assert (failure.kind, failure.status) == (kind, sent)
    assert "<html>" not in failure.message
    assert "<html>" in failure.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "9999999"}, 600),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "inf"}, 600),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "12"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "12"}, 12),
        ({}, None),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 10:00:30 GMT",
                "date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            30,
        ),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "today"}, None),
        (RESET, 45),
        ({**RESET, "retry-after": "12"}, 12),
        ({**RESET, "anthropic-ratelimit-requests-remaining": "1"}, None),
        ({**RESET, "anthropic-ratelimit-requests-reset": "2026-11-21T10:00:00Z"}, 600),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None):
    failure = read_error(429, headers, body("rate_limit_error", "slow down"))
    assert failure.retry_after_s == seconds


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", "upstream_overloaded"),
        ("rate_limit_error", "upstream_throttled"),
        ("api_error", "upstream_fault"),
        ("timeout_error", "upstream_timeout"),
        ("authentication_error", "upstream_refused"),
        ("invalid_request_error", "upstream_rejected"),
        ("throttlingException", "upstream_fault"),
        ("billing_error", "upstream_unpaid"),
        ("permission_error", "upstream_refused"),
    ],
)
def test_errors_inside_a_stream(kind: str, expected: str):
    failure = stream_failure(UpstreamError(kind, "words"))
    assert failure.kind == expected
    assert failure.detail == f"{kind}: words"


def test_a_model_that_is_gone_inside_a_stream():
    assert stream_failure(UpstreamError("not_found_error", "model: x")).kind == "model_not_found"
    assert stream_failure(UpstreamError("permission_error", "no model x")).kind == "model_not_found"


def test_a_very_long_message_is_cut():
    assert len(read_error(400, {}, body(INVALID, "x" * 9000)).message) == 2000


@given(st.integers(100, 999), st.binary(max_size=80), st.text(max_size=12))
def test_any_answer_is_a_failure(status: int, data: bytes, when: str):
    failure = read_error(status, {"retry-after": when}, data)
    assert failure.status >= 400
    assert failure.message
