"""Cross-origin access: for configured origins, and for nobody else."""

import pytest

from tests.http.server_rig import GET, Recorder, no_leaks, serving

__all__ = ["no_leaks"]

HERE = "https://app.example.test"
THERE = "https://evil.example.test"


def get(origin: str) -> bytes:
    return GET.removesuffix(b"\r\n") + f"Origin: {origin}\r\n\r\n".encode()


def preflight(origin: str, *headers: str) -> bytes:
    lines = [
        "OPTIONS /v1/chat/completions HTTP/1.1",
        "Host: t",
        f"Origin: {origin}",
        "Access-Control-Request-Method: POST",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def cors_headers(headers: dict[str, str]) -> set[str]:
    return {name for name in headers if name.startswith("access-control-") or name == "vary"}


async def test_without_configured_origins_there_is_nothing() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        for request in (GET, get(HERE), preflight(HERE)):
            answer = await rig.ask(request)
            assert answer.status == 200
            assert not cors_headers(answer.headers)
        assert [call.method for call in seen.calls] == ["GET", "GET", "OPTIONS"]


async def test_a_configured_origin_may_read_answers() -> None:
    async with serving(Recorder(), cors=(HERE, "http://localhost:3000")) as rig:
        for origin in (HERE, "http://localhost:3000"):
            headers = (await rig.ask(get(origin))).headers
            assert headers["access-control-allow-origin"] == origin
            assert headers["vary"] == "origin"
            exposed = headers["access-control-expose-headers"].split(", ")
            assert {"x-request-id", "request-id", "retry-after", "x-dragoman-warnings"} <= set(
                exposed
            )
            assert "access-control-allow-credentials" not in headers


async def test_its_preflight_is_answered_before_any_handler() -> None:
    seen = Recorder()
    async with serving(seen, cors=(HERE,)) as rig:
        client = await rig.connect()
        asked = "authorization, content-type, x-stainless-lang"
        for _ in range(2):
            answer = await client.ask(preflight(HERE, f"Access-Control-Request-Headers: {asked}"))
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == HERE
            assert answer.headers["access-control-allow-headers"] == asked
            assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
            assert int(answer.headers["access-control-max-age"]) > 0
            assert answer.headers["x-request-id"]
        assert seen.calls == []


@pytest.mark.parametrize(
    "origin",
    [THERE, "null", HERE + ".evil.test", HERE.upper(), HERE + "/", "http://app.example.test"],
)
async def test_another_origin_gets_nothing(origin: str) -> None:
    seen = Recorder()
    async with serving(seen, cors=(HERE,)) as rig:
        assert cors_headers((await rig.ask(get(origin))).headers) == {"vary"}
        assert cors_headers((await rig.ask(preflight(origin))).headers) == {"vary"}
        # Its preflight is an OPTIONS request like any other.
        assert [call.method for call in seen.calls] == ["GET", "OPTIONS"]


async def test_caches_are_told_that_the_origin_matters() -> None:
    async with serving(Recorder(), cors=(HERE,)) as rig:
        assert cors_headers((await rig.ask(GET)).headers) == {"vary"}


async def test_a_star_allows_everybody() -> None:
    async with serving(Recorder(), cors=("*",)) as rig:
        assert (await rig.ask(get(THERE))).headers["access-control-allow-origin"] == "*"
        assert (await rig.ask(preflight(THERE))).status == 204
        assert not cors_headers((await rig.ask(GET)).headers)


async def test_an_ordinary_options_request_is_no_preflight() -> None:
    seen = Recorder()
    async with serving(seen, cors=(HERE,)) as rig:
        request = GET.replace(b"GET", b"OPTIONS").removesuffix(b"\r\n")
        await rig.ask(request + f"Origin: {HERE}\r\n\r\n".encode())
        assert [call.method for call in seen.calls] == ["OPTIONS"]
