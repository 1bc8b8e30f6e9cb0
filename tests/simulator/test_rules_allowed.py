"""What is not refused, and what depends on the API version, on betas and on the endpoint."""

from typing import Any

import pytest

from dragoman.codec import jsonio

from .asking import (
    CACHE,
    HAIKU55,
    HI,
    HOUR,
    OBJECT,
    OLD,
    OPUS5,
    OPUS48,
    OPUS55,
    RESULT,
    TOOL,
    USE,
    assistant,
    body,
    document,
    formatted,
    image,
    text,
    user,
)
from .conftest import HAIKU, Bench
from .pictures import gif, pdf

ALLOWED: list[tuple[str, Any]] = [
    ("merged roles", body(messages=[*HI, *HI])),
    (
        "results over two messages",
        body(messages=[*HI, assistant(USE), user(RESULT), *HI], tools=[TOOL]),
    ),
    ("prefill", body(messages=[*HI, {"role": "assistant", "content": "The answer is ("}])),
    ("empty final assistant", body(messages=[*HI, {"role": "assistant", "content": ""}])),
    ("temperature 1 where it is deprecated", body(OPUS48, temperature=1)),
    ("haiku 5.5 with its own temperature", body(HAIKU55, temperature=1)),
    ("haiku 5.5 with its own top_p", body(HAIKU55, top_p=0.99)),
    ("haiku 5.5 forced", body(HAIKU55, tools=[TOOL], tool_choice={"type": "any"})),
    (
        "disabled where there is no thinking to turn off",
        body(OPUS48, thinking={"type": "disabled"}),
    ),
    ("hour before five minutes", body(system=[text("s", cache_control=HOUR)], cache_control=CACHE)),
    ("mid system, last", body(OPUS55, [*HI, {"role": "system", "content": "Be brief"}])),
    (
        "mid system, before the assistant",
        body(
            OPUS55,
            [*HI, {"role": "system", "content": "x"}, {"role": "assistant", "content": "y"}, *HI],
        ),
    ),
    (
        "twenty images that are large",
        body(messages=[user(*[image(gif(2001, 9), "image/gif")] * 20)]),
    ),
    ("null where null is allowed", body(metadata={"user_id": None}, cache_control=None)),
    (
        "schema with a grammar",
        body(
            OPUS5,
            output_config=formatted({**OBJECT, "properties": {"a": {"type": ["string", "null"]}}}),
        ),
    ),
    (
        "opaque user id",
        body(metadata={"user_id": '{"device_id":"0123456789abcdef","session":"1"}'}),
    ),
    (
        "https image",
        body(
            messages=[
                user({"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}})
            ]
        ),
    ),
    ("typed tools", body(tools=[{"type": "bash_20250124", "name": "bash"}, TOOL])),
]


@pytest.mark.parametrize(
    "request_body",
    [case[1] for case in ALLOWED],
    ids=[case[0].replace(" ", "_") for case in ALLOWED],
)
def test_what_is_allowed(bench: Bench, request_body: Any) -> None:
    answer = bench.post(request_body)
    assert answer.status == 200, answer.body


def test_overflow_is_an_error_for_old_models_and_a_stop_for_new_ones() -> None:
    nearly = [{"role": "user", "content": "abcdefg" * 99_900}]
    bench = Bench()
    answer = bench.post(body(OLD, nearly, max_tokens=2000))
    assert jsonio.decode(answer.body)["stop_reason"] in (
        "end_turn",
        "model_context_window_exceeded",
    )
    full = [{"role": "user", "content": "abcdefg" * 99_995}]
    answer = bench.post(body(OLD, full, max_tokens=2000))
    said = jsonio.decode(answer.body)
    assert said["stop_reason"] == "model_context_window_exceeded"
    assert said["usage"]["input_tokens"] + said["usage"]["output_tokens"] == 200_000


def test_betas_open_their_fields(bench: Bench) -> None:
    beta = {"anthropic-beta": "context-management-2025-06-27"}
    asked = body(context_management={"edits": []})
    assert bench.post(asked, headers=beta).status == 200
    manual = body(
        "claude-opus-4-6",
        tools=[TOOL],
        thinking={"type": "enabled", "budget_tokens": 4000},
    )
    assert bench.post(manual).status == 400
    interleaved = {"anthropic-beta": "interleaved-thinking-2025-05-14"}
    assert bench.post(manual, headers=interleaved).status == 200


NEW = {"anthropic-version": "2026-10-21"}


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (body(temperature=1), "temperature: Extra inputs are not permitted"),
        (body(top_p=0.9), "top_p: Extra inputs are not permitted"),
        (body(top_k=5), "top_k: Extra inputs are not permitted"),
        (
            body(messages=[*HI, assistant(document(pdf(1))), *HI]),
            "messages.1.content.0: `document` blocks can only be in `user` messages",
        ),
        (
            body(messages=[user(text("Hi", citations=[{"type": "x"}]))]),
            "messages.0.content.0.text.citations: Extra inputs are not permitted",
        ),
    ],
)
def test_the_newest_version_refuses_more(bench: Bench, request_body: Any, message: str) -> None:
    assert bench.post(request_body).status == 200
    answer = bench.post(request_body, headers=NEW)
    assert jsonio.decode(answer.body)["error"]["message"] == message


def test_counting_takes_fewer_fields(bench: Bench) -> None:
    path = "/v1/messages/count_tokens"
    counted = bench.post(body(max_tokens=...), path=path)
    assert counted.status == 200
    for extra in ({"max_tokens": 5}, {"stream": True}, {"temperature": 1}):
        answer = bench.post({**body(max_tokens=...), **extra}, path=path)
        message = jsonio.decode(answer.body)["error"]["message"]
        assert message == f"{next(iter(extra))}: Extra inputs are not permitted"
    forced = body(OPUS55, max_tokens=..., tools=[TOOL], tool_choice={"type": "any"})
    assert bench.post(forced, path=path).status == 400


@pytest.mark.parametrize(
    "model",
    [
        "claude-nonsense-9",
        "gpt-4o",
        "claude-3-opus-20240229",
        "claude-3.7-sonnet",
        "anthropic/" + HAIKU,
    ],
)
def test_models_that_are_not_served(bench: Bench, model: str) -> None:
    answer = bench.post(body(model))
    assert answer.status == 404
    error = jsonio.decode(answer.body)["error"]
    assert error == {"type": "not_found_error", "message": f"model: {model}"}
