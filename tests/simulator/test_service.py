"""Routes, keys, versions, models, directives: what is decided before a prompt is looked at."""

from typing import Any

import pytest

from dragoman.codec import jsonio
from dragoman.simulator.faults import HTML, KNOWN, NONE, Ending, Faults, parse
from dragoman.simulator.problem import ApiError
from dragoman.simulator.service import Answer, Incoming, Settings

from .asking import body
from .conftest import HAIKU, HEADERS, Bench, parsed


def call(
    bench: Bench,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Answer:
    given = HEADERS if headers is None else headers
    return bench.simulator.handle(Incoming(method, path, query, given, b"", "a"))


def error(answer: Answer) -> tuple[int, str, str]:
    said = jsonio.decode(answer.body)
    assert said["type"] == "error"
    return answer.status, said["error"]["type"], said["error"]["message"]


VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "x-api-key header is required"),
        ({"x-api-key": ""}, "invalid x-api-key"),
        ({"x-api-key": "invalid"}, "invalid x-api-key"),
        ({"authorization": "Basic abc"}, "invalid x-api-key"),
        ({"authorization": "Bearer "}, "Invalid bearer token"),
        ({"authorization": "Bearer invalid"}, "Invalid bearer token"),
    ],
)
def test_keys_that_are_refused(bench: Bench, headers: dict[str, str], message: str) -> None:
    answer = call(bench, "POST", "/v1/messages", {**VERSION, **headers})
    assert error(answer) == (401, "authentication_error", message)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "k"},
        {"authorization": "Bearer k"},
        {"authorization": "bearer k", "x-api-key": ""},
        {"authorization": "Bearer invalid", "x-api-key": "k"},
    ],
)
def test_keys_that_will_do(bench: Bench, headers: dict[str, str]) -> None:
    assert call(bench, "GET", "/v1/models", {**VERSION, **headers}).status == 200


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "anthropic-version: header is required"),
        ("2024-10-22", 'anthropic-version: "2024-10-22" is not a valid version'),
        (
            "2023-06-01, 2023-06-01",
            'anthropic-version: "2023-06-01, 2023-06-01" is not a valid version',
        ),
    ],
)
def test_versions_that_are_refused(bench: Bench, version: str | None, message: str) -> None:
    headers = {"x-api-key": "k", **({"anthropic-version": version} if version else {})}
    answer = call(bench, "POST", "/v1/messages", headers)
    assert error(answer) == (400, "invalid_request_error", message)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("DELETE", "/v1/models", 405, "invalid_request_error"),
        ("POST", "/v1/complete", 404, "not_found_error"),
        ("GET", "/v1/models/claude-nope-1", 404, "not_found_error"),
        ("GET", "/v1/messages/batches", 404, "not_found_error"),
    ],
)
def test_paths_that_are_not_there(
    bench: Bench, method: str, path: str, status: int, kind: str
) -> None:
    assert error(call(bench, method, path))[:2] == (status, kind)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_hello_needs_no_key(bench: Bench, method: str) -> None:
    answer = call(bench, method, "/api/hello", {})
    assert (answer.status, answer.body) == (200, b'{"message":"hello"}')


def test_every_answer_has_its_ids(bench: Bench) -> None:
    answers = [
        bench.post(body()),
        bench.post({}),
        call(bench, "GET", "/nope"),
        bench.post(body(), headers={"x-simulate": "529"}),
    ]
    ids = {dict(answer.headers)["request-id"] for answer in answers}
    assert len(ids) == 4
    assert all(one.startswith("req_011C") and len(one) == 28 for one in ids)
    organizations = {dict(answer.headers)["anthropic-organization-id"] for answer in answers}
    assert len(organizations) == 1
    other = dict(bench.post(body(), account="b").headers)["anthropic-organization-id"]
    assert other not in organizations


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "The request body is not valid JSON"),
        (b"{", "The request body is not valid JSON"),
        (b'{"a": "\xff"}', "The request body is not valid JSON"),
        (b"[" * 5000, "The request body is not valid JSON"),
    ],
)
def test_bodies_that_are_no_json(bench: Bench, raw: bytes, message: str) -> None:
    status, kind, said = error(bench.post(raw))
    assert (status, kind) == (400, "invalid_request_error")
    assert said.startswith(message)


def test_a_body_above_32_mib(bench: Bench) -> None:
    answer = bench.post(b" " * (32 * 1024 * 1024 + 1))
    assert error(answer) == (413, "request_too_large", "Request exceeds the maximum size")


# Models.


def test_models_are_listed_by_pages(bench: Bench) -> None:
    whole = jsonio.decode(call(bench, "GET", "/v1/models", query="limit=1000").body)
    ids = [row["id"] for row in whole["data"]]
    assert HAIKU in ids
    assert "claude-3-opus-20240229" not in ids
    assert whole["has_more"] is False
    page = jsonio.decode(call(bench, "GET", "/v1/models", query="limit=2").body)
    assert [row["id"] for row in page["data"]] == ids[:2]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[0], ids[1], True)
    after = f"limit=2&after_id={ids[1]}"
    page = jsonio.decode(call(bench, "GET", "/v1/models", query=after).body)
    assert [row["id"] for row in page["data"]] == ids[2:4]
    before = f"limit=2&before_id={ids[3]}"
    page = jsonio.decode(call(bench, "GET", "/v1/models", query=before).body)
    assert [row["id"] for row in page["data"]] == ids[1:3]
    assert page["has_more"] is True


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "٣"])
def test_page_sizes_that_are_refused(bench: Bench, limit: str) -> None:
    answer = call(bench, "GET", "/v1/models", query=f"limit={limit}")
    assert error(answer)[0] == 400


def test_one_model(bench: Bench) -> None:
    row = jsonio.decode(call(bench, "GET", "/v1/models/claude-haiku-4-5").body)
    assert (row["type"], row["id"]) == ("model", HAIKU)
    assert row["capabilities"]["thinking"]["types"]["enabled"]["supported"] is True


def test_an_alias_is_answered_with_the_models_id(bench: Bench) -> None:
    message = bench.ask("Hi", model="claude-haiku-4-5")
    assert message["model"] == HAIKU


def test_retired_models_on_request() -> None:
    retired = body("claude-3-opus-20240229")
    assert Bench().post(retired).status == 404
    assert Bench(Settings(pace=0, serve_retired=True)).post(retired).status == 200


# Directives.


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", NONE),
        (" , ,", NONE),
        ("529", Faults(status=529)),
        ("429, retry-after=7", Faults(status=429, retry_after_s=7)),
        ("html", Faults(status=502, html=True)),
        ("stall", Faults(ending=Ending.STALL)),
        ("stall=0", Faults(ending=Ending.STALL, after=0)),
        ("reset", Faults(ending=Ending.RESET)),
        ("reset=12", Faults(ending=Ending.RESET, after=12)),
        ("truncate=3", Faults(ending=Ending.CUT, after=3)),
        ("end=3", Faults(ending=Ending.END, after=3)),
        ("error=4", Faults(ending=Ending.ERROR, after=4)),
        ("slow=250, pace=12.5", Faults(delay_ms=250, pace=12.5)),
        ("500, once", Faults(status=500, once="")),
        ("500, once=b-2", Faults(status=500, once="b-2")),
        ("bind", Faults(bind=True)),
        ("529@me", Faults(status=529)),
        ("529@somebody", NONE),
        ("529@somebody, slow=5", Faults(delay_ms=5)),
        ("529@somebody, 500@me", Faults(status=500)),
    ],
)
def test_directives(header: str, expected: Faults) -> None:
    assert parse(header, "me") == expected


@pytest.mark.parametrize(
    "header",
    ["nonsense", "529=3", "slow", "slow=x", "slow=-1", "truncate", "error", "html=1", "bind=1",
     "a b", "=1", "529@", "pace=1e9", "529@other, nonsense@other", "x" * 1025],
)  # fmt: skip
def test_directives_that_are_refused(header: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(header, "me")
    assert refused.value.status == 400
    assert refused.value.message.startswith("x-simulate: ")


def test_an_unknown_directive_is_told_the_known_ones(bench: Bench) -> None:
    status, _, message = error(bench.post(body(), headers={"x-simulate": "explode"}))
    assert status == 400
    assert message.endswith("known are " + ", ".join(KNOWN))


@pytest.mark.parametrize(
    ("directive", "status", "kind"),
    [
        ("400", 400, "invalid_request_error"),
        ("401", 401, "authentication_error"),
        ("402", 402, "billing_error"),
        ("403", 403, "permission_error"),
        ("404", 404, "not_found_error"),
        ("413", 413, "request_too_large"),
        ("429", 429, "rate_limit_error"),
        ("500", 500, "api_error"),
        ("502", 502, "api_error"),
        ("503", 503, "overloaded_error"),
        ("504", 504, "timeout_error"),
        ("529", 529, "overloaded_error"),
    ],
)
def test_statuses_on_order(bench: Bench, directive: str, status: int, kind: str) -> None:
    answer = bench.post(body(), headers={"x-simulate": directive})
    assert error(answer)[:2] == (status, kind)


def test_a_proxys_page(bench: Bench) -> None:
    answer = bench.post(body(), headers={"x-simulate": "html"})
    assert (answer.status, answer.body) == (502, HTML)
    assert dict(answer.headers)["content-type"] == "text/html; charset=UTF-8"


def names(answer: Answer) -> list[str]:
    assert answer.events is not None
    return [name for name, _ in parsed(b"".join(answer.events))]


def test_streams_that_end_early(bench: Bench) -> None:
    streaming: dict[str, Any] = body(stream=True)
    for directive, ending in (
        ("reset=2", Ending.RESET),
        ("truncate=2", Ending.CUT),
        ("stall=2", Ending.STALL),
        ("end=2", Ending.END),
    ):
        answer = bench.post(streaming, headers={"x-simulate": directive})
        assert (answer.ending, answer.silent) == (ending, False)
        assert names(answer) == ["message_start", "content_block_start"]
    answer = bench.post(streaming, headers={"x-simulate": "error=1"})
    assert names(answer) == ["message_start", "error"]
    whole = bench.post(streaming, headers={"x-simulate": "reset=100000"})
    assert names(whole)[-1] == "message_stop"


def test_whole_answers_break_before_they_begin(bench: Bench) -> None:
    answer = bench.post(body(), headers={"x-simulate": "reset=5"})
    assert (answer.silent, answer.ending) == (True, Ending.RESET)
    answer = bench.post(body(), headers={"x-simulate": "error=5"})
    assert error(answer)[:2] == (529, "overloaded_error")


def test_trouble_does_not_hide_a_bad_request(bench: Bench) -> None:
    answer = bench.post(body(max_tokens=-1), headers={"x-simulate": "reset=5, slow=30"})
    assert error(answer)[0] == 400
    assert answer.delay_s == 0.03


def test_pace_and_delay(bench: Bench) -> None:
    assert bench.post(body(stream=True)).pace == 0
    answer = bench.post(body(stream=True), headers={"x-simulate": "pace=5, slow=1500"})
    assert (answer.pace, answer.delay_s) == (5, 1.5)


def test_directives_for_the_whole_program() -> None:
    bench = Bench(Settings(pace=0, simulate="500, once"))
    assert [bench.post(body()).status for _ in range(2)] == [500, 200]
    assert bench.post(body(), headers={"x-simulate": "529"}).status == 529


def test_once_keeps_the_pace(bench: Bench) -> None:
    header = {"x-simulate": "500, pace=3, once"}
    assert bench.post(body(stream=True), headers=header).status == 500
    assert bench.post(body(stream=True), headers=header).pace == 3


def test_long_streams_are_pinged(bench: Bench) -> None:
    asked = body(stream=True, messages=[{"role": "user", "content": "Write 900 words"}])
    assert names(bench.post(asked)).count("ping") > 2
