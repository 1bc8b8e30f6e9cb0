"""The life of a stream: silence, slow readers, clients that leave, stalls, draining."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from dragoman.dialects.chat.stream import StreamWriter
from dragoman.hub.events import Event, TextDelta
from tests.gateway.harness import (
    CHAT,
    KEY,
    LAST_CHUNK,
    Raw,
    accounts,
    begin,
    body,
    chunks,
    event,
    finish,
    running,
    said,
    stream,
    text,
)
from tests.scripted_upstream import (
    RECEIVE,
    UNTIL_CLOSED,
    Endless,
    ScriptedUpstream,
    Sleep,
    Slices,
    Tell,
    Wait,
)

COMMENT = b": keep-alive\n\n"
QUICK = {"keepalive_s": 0.2}


async def test_comments_while_upstream_is_silent_inside_a_stream(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + text("Hel"), Sleep(1.6), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, server=QUICK, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert said(answer.content) == "Hello"
            before, after = answer.content.split(b'"lo"')
            assert COMMENT in before
            assert COMMENT not in after
            assert answer.content.endswith(b"data: [DONE]\n\n")


async def test_comments_before_upstream_has_said_anything(tmp_path: Path) -> None:
    script = [RECEIVE, Sleep(1.6), stream("Hello")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, server=QUICK, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert answer.content.startswith(COMMENT)
            assert said(answer.content) == "Hello"


async def test_an_error_after_a_comment_is_an_event(tmp_path: Path) -> None:
    server = {"keepalive_s": 0.2, "first_byte_timeout_s": 1.5}
    async with ScriptedUpstream([RECEIVE]) as upstream:
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert answer.status_code == 200
            assert answer.content.startswith(COMMENT)
            (told,) = chunks(answer.content)
            assert told["error"]["code"] == "upstream_timeout"
            assert b"[DONE]" not in answer.content
            (line,) = await gateway.ended()
            assert line["outcome"] == "deadline"


async def test_no_comments_when_they_are_off(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + text("Hel"), Sleep(1.2), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        server = {"keepalive_s": 0}
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert said(answer.content) == "Hello"
            assert COMMENT not in answer.content


async def test_a_stall_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    server = {"stall_timeout_s": 0.5}
    async with ScriptedUpstream([RECEIVE, begin() + text("Hel")]) as upstream:
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert said(answer.content) == "Hel"
            assert chunks(answer.content)[-1]["error"]["type"] == "timeout_error"
            (line,) = await gateway.ended()
            assert (line["outcome"], line["input_tokens"]) == ("deadline", 10)
            await upstream.connections[0].over


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("when", ["before", "inside"])
async def test_a_client_that_leaves_takes_the_upstream_request_along(
    how: str, when: str, tmp_path: Path
) -> None:
    received = asyncio.Event()
    script = [RECEIVE, Tell(received)]
    if when == "inside":
        script += [begin() + text("Hel")]
    async with ScriptedUpstream([*script, UNTIL_CLOSED]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open()
            await received.wait()
            if when == "inside":
                await raw.until(b'"Hel"')
            if how == "reset":
                raw.reset()
            else:
                raw.writer.close()
            async with asyncio.timeout(1):
                await upstream.connections[0].over
            (line,) = await gateway.ended()
            assert line["outcome"] == "client_left"
            # What upstream had said it read by then is known, and is the key's to pay.
            assert line.get("input_tokens", 0) == (10 if when == "inside" else 0)


async def test_a_client_that_leaves_a_whole_request(tmp_path: Path) -> None:
    received = asyncio.Event()
    async with ScriptedUpstream([RECEIVE, Tell(received), UNTIL_CLOSED]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            task = asyncio.create_task(gateway.chat())
            await received.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(1):
                await upstream.connections[0].over
            (line,) = await gateway.ended()
            assert (line["outcome"], line["status"]) == ("client_left", 0)


async def test_a_half_closed_client_keeps_its_stream(tmp_path: Path) -> None:
    more = asyncio.Event()
    script = [RECEIVE, begin() + text("Hel"), Wait(more), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open()
            await raw.until(b'"Hel"')
            raw.writer.write_eof()
            await asyncio.sleep(0.1)
            more.set()
            rest = await raw.rest()
            assert b'"lo"' in rest
            assert b"data: [DONE]" in rest
            raw.writer.close()
            (line,) = await gateway.ended()
            assert line["outcome"] == "complete"


async def test_a_slow_reader_stops_the_upstream(tmp_path: Path) -> None:
    """What waits for a client that does not read is bounded: the upstream is no longer read."""
    piece = text("x" * 4000)
    async with ScriptedUpstream([RECEIVE, begin(), Endless(piece)]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", gateway.port))
            raw = Raw(*await asyncio.open_connection(sock=sock, limit=4096))
            content = json.dumps(body(stream=True)).encode()
            raw.writer.write(
                b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-length: %d"
                b"\r\n\r\n%b" % (CHAT.encode(), KEY.encode(), len(content), content)
            )
            # Whatever the kernels of both sides buffer, it comes to an end.
            sent = -1
            while not upstream.connections or sent != upstream.connections[0].sent:
                sent = upstream.connections[0].sent if upstream.connections else -1
                await asyncio.sleep(0.3)
            assert 0 < sent < 16 * 1024 * 1024
            raw.reset()
            async with asyncio.timeout(2):
                await upstream.connections[0].over
            (line,) = await gateway.ended()
            assert line["outcome"] == "client_left"


@pytest.mark.parametrize("size", [1, 7, 100_000], ids=["bytewise", "sevens", "at once"])
async def test_the_same_stream_however_it_arrives(size: int, tmp_path: Path) -> None:
    pieces = ("Hello ", "“quoted” \\ and \n newline", "\u2028 data: [DONE]\n\n 😀", "é" * 50)
    async with ScriptedUpstream([RECEIVE, Slices(stream(*pieces), size)]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True, stream_options={"include_usage": True})
            assert said(answer.content) == "".join(pieces)
            *_, last, usage = chunks(answer.content)
            assert last["choices"][0]["finish_reason"] == "stop"
            assert usage["usage"]["total_tokens"] == 15
            assert answer.content.endswith(b"data: [DONE]\n\n")


async def test_the_client_has_its_end_before_the_upstream_connection_has(tmp_path: Path) -> None:
    late = asyncio.Event()
    whole = stream("Hello").removesuffix(LAST_CHUNK)
    script = [RECEIVE, whole, Wait(late), LAST_CHUNK, RECEIVE, stream("again")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            first = await gateway.chat(stream=True)
            assert said(first.content) == "Hello"
            late.set()
            await gateway.ended()
            second = await gateway.chat(stream=True)
            assert said(second.content) == "again"
            assert len(upstream.connections) == 1, "the connection was kept"


async def test_several_choices_are_one_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        whole = (await gateway.chat(n=3)).json()
        assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
        one = (await gateway.chat()).json()
        assert whole["usage"]["completion_tokens"] == 3 * one["usage"]["completion_tokens"]
        answer = await gateway.chat(n=2, stream=True, stream_options={"include_usage": True})
        found = chunks(answer.content)
        ended = [
            c["choices"][0] for c in found if c["choices"] and c["choices"][0]["finish_reason"]
        ]
        assert sorted(choice["index"] for choice in ended) == [0, 1]
        assert len({chunk["id"] for chunk in found}) == 1
        assert found[-1]["choices"] == []
        assert answer.content.count(b"[DONE]") == 1


async def test_choices_fail_together_and_leave_together(tmp_path: Path) -> None:
    from tests.gateway.harness import error, reply

    refuse = error(400, "invalid_request_error", "no")
    scripts = [[RECEIVE, reply()], [RECEIVE, refuse], [RECEIVE, UNTIL_CLOSED]]
    async with ScriptedUpstream(*scripts) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(n=3)
            assert answer.status_code == 400
            async with asyncio.timeout(1):
                await upstream.connections[2].over
    async with ScriptedUpstream([RECEIVE, begin() + text("Hel"), UNTIL_CLOSED]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open(n=3)
            await raw.until(b'"Hel"')
            raw.reset()
            async with asyncio.timeout(1):
                for connection in upstream.connections:
                    await connection.over
            (line,) = await gateway.ended()
            assert line["outcome"] == "client_left"


async def test_draining_lets_a_stream_end(tmp_path: Path) -> None:
    more = asyncio.Event()
    script = [RECEIVE, begin() + text("Hel"), Wait(more), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open()
            await raw.until(b'"Hel"')
            draining = asyncio.create_task(gateway.app.drain())
            await asyncio.sleep(0.05)
            more.set()
            assert b"data: [DONE]" in await raw.rest()
            await draining
            raw.writer.close()
            assert gateway.requests[0]["outcome"] == "complete"


async def test_while_a_stream_ends_new_requests_are_told_that_the_gateway_goes(
    tmp_path: Path,
) -> None:
    more = asyncio.Event()
    script = [RECEIVE, begin() + text("Hel"), Wait(more), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open()
            await raw.until(b'"Hel"')
            draining = asyncio.create_task(gateway.app.drain())
            await asyncio.sleep(0)  # It begins.
            ready, alive = [await gateway.http.get(path) for path in ("/readyz", "/healthz")]
            assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
            assert alive.status_code == 200
            refused = await gateway.chat()
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
            assert refused.headers["retry-after"] == "1"
            more.set()
            assert b"data: [DONE]" in await raw.rest()
            await draining
            raw.writer.close()


async def test_draining_ends_what_takes_too_long(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + text("Hel"), UNTIL_CLOSED]
    async with ScriptedUpstream(script) as upstream:
        server = {"drain_timeout_s": 0.2}
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            raw = await gateway.open()
            await raw.until(b'"Hel"')
            await gateway.app.drain()
            rest = await raw.rest()
            assert b'"code":"draining"' in rest
            assert b"[DONE]" not in rest
            raw.writer.close()
            assert gateway.requests[0]["outcome"] == "drained"


async def test_a_ping_is_not_an_event_for_openai_clients(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + event("ping") + text("Hello") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            assert said(answer.content) == "Hello"
            assert b"ping" not in answer.content.replace(COMMENT, b"")


@pytest.mark.parametrize("more", [b"", event("ping")], ids=["one text", "several events"])
async def test_a_bug_while_an_event_is_relayed_ends_the_stream(
    more: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = StreamWriter.feed

    def broken(self: StreamWriter, events: list[Event]) -> bytes:
        if any(isinstance(one, TextDelta) and b"lo" in one.text for one in events):
            raise KeyError("".join(("what", "was", "said")))
        return relay(self, events)

    def broken_shortly(_: StreamWriter, text: bytes) -> bytes:
        raise KeyError("".join(("what", "was", "said")))

    monkeypatch.setattr(StreamWriter, "feed", broken)
    monkeypatch.setattr(StreamWriter, "plain", broken_shortly)
    script = [RECEIVE, begin() + text("Hel"), Sleep(0.2), text("lo") + more, Sleep(5), finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True)
            *_, told = chunks(answer.content)
            assert told["error"]["code"] == "upstream_reset"
            (line,) = await gateway.ended()
            assert line["outcome"] == "upstream_failed"
            (crash,) = [one for one in gateway.lines.all if one["event"] == "crash"]
            assert "KeyError" in crash["message"]
            assert "whatwassaid" not in str(gateway.lines.all)


async def test_a_choice_that_breaks_leaves_the_others_whole(tmp_path: Path) -> None:
    overloaded = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    scripts = [
        [RECEIVE, begin() + text("Hel"), Sleep(0.3), text("lo") + finish()],
        [RECEIVE, begin() + text("Bro"), overloaded],
    ]
    async with ScriptedUpstream(*scripts) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True, n=2)
            *found, told = chunks(answer.content)
            assert told["error"]["type"] == "server_error"
            assert b"[DONE]" not in answer.content
            choices = [chunk["choices"][0] for chunk in found]
            texts = ["", ""]
            for choice in choices:
                texts[choice["index"]] += choice["delta"].get("content") or ""
            assert sorted(texts) == ["Bro", "Hello"]
            (ended,) = [choice for choice in choices if choice["finish_reason"]]
            assert ended["index"] == texts.index("Hello")
            (line,) = await gateway.ended()
            assert (line["outcome"], line["output_tokens"]) == ("upstream_failed", 6)
