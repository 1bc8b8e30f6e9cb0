"""Pictures and files through a running gateway: what a client sends, what upstream sees."""

import asyncio
import contextlib
import json
import os
import signal
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from dragoman.codec.image import sniff
from dragoman.media import media
from tests.gateway.harness import Harness, accounts, reply, running, stream
from tests.media.pictures import (
    BLUE,
    RED,
    empty_png,
    near,
    noise,
    opened,
    saved,
    two_halves,
)
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

pytestmark = pytest.mark.usefixtures("no_leaks")

PLACE = "messages[0].content[1].image_url.url"
WORD = {"type": "text", "text": "what is this?"}
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF\n"


def data_url(data: bytes, label: str = "image/png") -> str:
    return f"data:{label};base64,{b64encode(data).decode()}"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": url, **fields}}


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [WORD, *parts]}]


class Gateway:
    def __init__(self, harness: Harness, upstream: ScriptedUpstream) -> None:
        self.harness = harness
        self.upstream = upstream

    async def ask(self, *parts: dict[str, Any], **fields: Any) -> httpx.Response:
        return await self.harness.chat(messages=user(*parts), **fields)

    async def sent(self, *parts: dict[str, Any]) -> list[dict[str, Any]]:
        """The blocks that go upstream for some parts."""
        answer = await self.ask(*parts)
        assert answer.status_code == 200, answer.text
        body = json.loads(self.upstream.requests[-1].body)
        content: list[dict[str, Any]] = body["messages"][0]["content"]
        assert content[0] == WORD
        return content[1:]

    async def busy(self) -> None:
        """Until no worker waits for work."""
        async with asyncio.timeout(10):
            while self.harness.app._converter._idle:  # noqa: ASYNC110 - a list says nothing
                await asyncio.sleep(0.005)

    @property
    def workers(self) -> list[int]:
        return [one.process.pid for one in self.harness.app._converter._alive]


@contextlib.asynccontextmanager
async def gateway(folder: Path, **images: Any) -> AsyncIterator[Gateway]:
    script = [step for _ in range(60) for step in (RECEIVE, reply())]
    async with (
        ScriptedUpstream(script) as upstream,
        running(folder, accounts=accounts(upstream.url), images=images) as harness,
    ):
        yield Gateway(harness, upstream)


def refused(answer: httpx.Response, code: str, param: str = PLACE) -> str:
    """A 400 that names the part; gives back what it says."""
    assert answer.status_code == 400, answer.text
    told = answer.json()["error"]
    assert (told["type"], told["param"], told["code"]) == ("invalid_request_error", param, code)
    message: str = told["message"]
    return message


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "BMP"])
async def test_upstream_sees_a_jpeg(kind: str, tmp_path: Path) -> None:
    """A phone's HEIC called image/png among them (paseo#700)."""
    async with gateway(tmp_path) as gw:
        picture = {
            **image(data_url(saved(two_halves(), kind))),
            "cache_control": {"type": "ephemeral"},
        }
        (block,) = await gw.sent(picture)
        assert block["source"]["media_type"] == "image/jpeg"
        assert block["cache_control"] == {"type": "ephemeral"}
        found = opened(block["source"]["data"])
        assert (found.format, found.size) == ("JPEG", (300, 200))
        assert near(found.getpixel((9, 9)), RED)
        assert near(found.getpixel((9, 190)), BLUE)
        # The next turn brings it again: the same bytes, and nothing is converted twice.
        for pid in gw.workers:
            os.kill(pid, signal.SIGSTOP)
        assert await gw.sent(picture) == [block]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_what_claude_takes_goes_untouched(kind: str, tmp_path: Path) -> None:
    data = saved(two_halves(), kind)
    async with gateway(tmp_path) as gw:
        (block,) = await gw.sent(image(data_url(data, "image/jpg")))
        info = sniff(data)
        assert info is not None
        assert block["source"]["media_type"] == info.media_type
        assert b64decode(block["source"]["data"]) == data
        assert gw.workers == []


async def test_too_large_and_too_many_are_scaled_down(tmp_path: Path) -> None:
    wide = image(data_url(saved(two_halves(9000, 90), "PNG")))
    middling = image(data_url(saved(two_halves(2400, 100), "PNG")))
    small = image(data_url(saved(two_halves(20, 20), "PNG")))
    heavy = saved(noise(2000, 1500), "BMP").ljust(9_000_000, b"\0")
    async with gateway(tmp_path) as gw:
        blocks = await gw.sent(wide, middling, image(data_url(heavy)))
        sizes = [opened(one["source"]["data"]).size for one in blocks]
        assert sizes == [(1568, 16), (2400, 100), (1568, 1176)]
        assert all(len(one["source"]["data"]) < 10 << 20 for one in blocks)
        blocks = await gw.sent(middling, *[small] * 20)
        sizes = [opened(one["source"]["data"]).size for one in blocks]
        assert sizes == [(1568, 65)] + [(20, 20)] * 20


async def test_images_in_the_results_of_tools(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [image(data_url(saved(two_halves(), "BMP")))],
        },
    ]
    async with gateway(tmp_path) as gw:
        assert (await gw.harness.chat(messages=messages)).status_code == 200
        sent = json.loads(gw.upstream.requests[0].body)["messages"][2]["content"][0]
        assert sent["type"] == "tool_result"
        assert sent["content"][0]["source"]["media_type"] == "image/jpeg"


@pytest.mark.parametrize(
    "data",
    [
        saved(two_halves(), "HEIF")[:300],
        saved(noise(50, 50), "TIFF")[:600],
        saved(two_halves(), "AVIF")[:300],
        saved(two_halves(9000, 9), "PNG")[:100],
        b"\x89PNG\r\n\x1a\n\0\0",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    ],
    ids=["heic", "tiff", "avif", "large-png", "png-head", "jpeg-head"],
)
async def test_a_broken_image_is_named(data: bytes, tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        message = refused(await gw.ask(image(data_url(data))), "invalid_image_format")
        assert message == "The image is broken or incomplete."
        assert gw.upstream.requests == []
        # The request was wrong, not the gateway: it answers the next one.
        assert (await gw.ask()).status_code == 200


async def test_a_bomb_is_named(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        answer = await gw.ask(image(data_url(empty_png(20_000, 5_100))))
        assert "20000 x 5100" in refused(answer, "invalid_image_format")
        assert gw.workers == []


async def test_a_worker_killed_over_a_job_costs_that_request_only(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        await gw.sent(image(data_url(saved(two_halves(), "BMP"))))
        (pid,) = gw.workers
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.ensure_future(gw.ask(image(data_url(saved(two_halves(), "TIFF")))))
        # Others are served meanwhile.
        await gw.busy()
        assert (await gw.ask()).status_code == 200
        assert not asked.done()
        os.kill(pid, signal.SIGKILL)
        assert "could not be decoded" in refused(await asked, "invalid_image_format")
        assert (await gw.sent(image(data_url(saved(two_halves(), "TIFF")))))[0]


async def test_the_loop_is_free_while_fifty_images_wait(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        pictures = [
            image(data_url(saved(two_halves(100 + index, 50), "BMP"))) for index in range(50)
        ]
        await asyncio.gather(
            *[gw.sent(image(data_url(saved(two_halves(9, n), "BMP")))) for n in (8, 9)]
        )
        assert gw.workers
        stopped = gw.workers
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.ensure_future(gw.ask(one)) for one in pictures]
        plain = await asyncio.gather(*[gw.ask() for _ in range(20)])
        assert {one.status_code for one in plain} == {200}
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        answers = await asyncio.gather(*asked)
        assert {one.status_code for one in answers} == {200}
        assert len(gw.workers) <= 2
        sent = [json.loads(one.body) for one in gw.upstream.requests]
        kinds = [
            block["source"]["media_type"]
            for one in sent
            for block in one["messages"][0]["content"]
            if block["type"] == "image"
        ]
        assert kinds == ["image/jpeg"] * 52


async def test_a_client_that_leaves_ends_its_conversion(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        await gw.sent(image(data_url(saved(two_halves(), "BMP"))))
        (pid,) = gw.workers
        os.kill(pid, signal.SIGSTOP)
        raw = await gw.harness.open(messages=user(image(data_url(saved(two_halves(), "TIFF")))))
        await gw.busy()
        raw.reset()
        assert (await gw.harness.ended(2))[1]["outcome"] == "client_left"
        assert pid not in gw.workers


async def test_a_reload_keeps_the_workers(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        await gw.sent(image(data_url(saved(two_halves(), "BMP"))))
        before = gw.workers
        gw.harness.app.reload()
        await gw.sent(image(data_url(saved(two_halves(), "TIFF"))))
        assert gw.workers == before


async def test_streams_have_pictures_too(tmp_path: Path) -> None:
    async with (
        ScriptedUpstream([RECEIVE, stream("ok")]) as upstream,
        running(tmp_path, accounts=accounts(upstream.url)) as harness,
    ):
        messages = user(image(data_url(saved(two_halves(), "HEIF"))))
        answer = await harness.chat(stream=True, messages=messages)
        assert answer.status_code == 200
        assert b"image/jpeg" in upstream.requests[0].body
        # What is wrong with a picture is known before the stream begins.
        messages = user(image(data_url(saved(two_halves(), "HEIF")[:200])))
        refused(await harness.chat(stream=True, messages=messages), "invalid_image_format")


# URLs.


def web(*contents: tuple[str, bytes]) -> ScriptedUpstream:
    """Answers the first connection with the first content, and so on."""
    scripts: list[Any] = [
        [
            RECEIVE,
            b"HTTP/1.1 %b\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%b"
            % (status.encode(), len(content), content),
        ]
        for status, content in contents
    ]
    return ScriptedUpstream(*scripts)


LOCAL = {"allow_private_hosts": ["127.0.0.1"]}


async def test_an_http_image_becomes_bytes(tmp_path: Path) -> None:
    data = saved(two_halves(), "PNG")
    async with web(("200 OK", data)) as site, gateway(tmp_path, **LOCAL) as gw:
        url = f"{site.url}/a.jpg"
        first, second = await gw.sent(image(url), image(url))
        wanted = {"type": "base64", "media_type": "image/png", "data": b64encode(data).decode()}
        assert first == second == {"type": "image", "source": wanted}
        # One download for one URL, and nothing of the client's goes along.
        (request,) = site.requests
        assert "authorization" not in request.headers
        assert gw.workers == []


async def test_an_http_image_of_another_format_is_converted(tmp_path: Path) -> None:
    contents = [("200 OK", saved(two_halves(), kind)) for kind in ("HEIF", "BMP")]
    async with web(*contents) as site, gateway(tmp_path, **LOCAL) as gw:
        blocks = await gw.sent(image(f"{site.url}/a"), image(f"{site.url}/b"))
        assert [one["source"]["media_type"] for one in blocks] == ["image/jpeg"] * 2
        assert opened(blocks[0]["source"]["data"]).size == (300, 200)


async def test_documents_by_http(tmp_path: Path) -> None:
    contents = [("200 OK", PDF), ("200 OK", PDF), ("200 OK", "a,b\nü".encode())]
    async with web(*contents) as site, gateway(tmp_path, **LOCAL) as gw:
        pdf, not_an_image, text = await gw.sent(
            {**file(f"{site.url}/x", filename="x.pdf"), "cache_control": {"type": "ephemeral"}},
            image(f"{site.url}/y"),
            file(f"{site.url}/z.csv", filename="z.csv"),
        )
        data = b64encode(PDF).decode()
        source = {"type": "base64", "media_type": "application/pdf", "data": data}
        mark = {"type": "ephemeral"}
        assert pdf == {
            "type": "document",
            "source": source,
            "title": "x.pdf",
            "cache_control": mark,
        }
        assert not_an_image == {"type": "document", "source": source}
        wanted = {"type": "text", "media_type": "text/plain", "data": "a,b\nü"}
        assert text == {"type": "document", "source": wanted, "title": "z.csv"}


async def test_an_image_where_a_file_was_expected(tmp_path: Path) -> None:
    contents = [("200 OK", saved(two_halves(), kind)) for kind in ("PNG", "TIFF")]
    async with web(*contents) as site, gateway(tmp_path, **LOCAL) as gw:
        blocks = await gw.sent(file(f"{site.url}/x"), file(f"{site.url}/y"))
        assert [one["type"] for one in blocks] == ["image", "image"]
        media_types = [one["source"]["media_type"] for one in blocks]
        assert media_types == ["image/png", "image/jpeg"]


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        ("404 Not Found", b"", "The URL was answered with status 404."),
        ("302 Found", b"", "The URL leads to another one; send the last one itself."),
        ("200 OK", b"<html>", "The URL leads to nothing that Claude reads."),
        ("200 OK", b"<svg xmlns='x'/>", "The URL leads to nothing that Claude reads."),
        ("200 OK", b"", "The URL leads to nothing that Claude reads."),
        ("200 OK", b"x" * 6000, "The URL leads to more than 5000 bytes."),
    ],
)
async def test_a_url_that_cannot_be_used(
    status: str, content: bytes, message: str, tmp_path: Path
) -> None:
    async with web((status, content)) as site, gateway(tmp_path, max_bytes=5000, **LOCAL) as gw:
        answer = await gw.ask(image(site.url))
        assert refused(answer, "invalid_image_url") == message
        answer = await gw.ask(file(f"{site.url}/a.pdf", format="application/pdf"))
        place = "messages[0].content[1].file.file_data"
        assert refused(answer, "invalid_file_url", place) == message
        assert gw.upstream.requests == []


async def test_a_downloaded_bomb_is_named(tmp_path: Path) -> None:
    async with (
        web(
            ("200 OK", empty_png(20_000, 5_100)), ("200 OK", saved(two_halves(), "HEIF")[:300])
        ) as site,
        gateway(tmp_path, **LOCAL) as gw,
    ):
        assert "pixels" in refused(await gw.ask(image(site.url)), "invalid_image_format")
        assert "broken" in refused(await gw.ask(image(site.url)), "invalid_image_format")


async def test_nothing_is_fetched_where_the_operator_says_so(tmp_path: Path) -> None:
    async with web(("200 OK", b"x")) as site, gateway(tmp_path, fetch=False, **LOCAL) as gw:
        message = refused(await gw.ask(image(site.url)), "invalid_image_url")
        assert "does not download" in message
        assert site.connections == []


async def test_private_hosts_are_out_of_reach_by_default(tmp_path: Path) -> None:
    async with web(("200 OK", saved(two_halves(), "PNG"))) as site, gateway(tmp_path) as gw:
        for url in (
            site.url,
            f"http://localhost:{site.port}/",
            f"http://[::ffff:127.0.0.1]:{site.port}/",
            f"http://2130706433:{site.port}/",
            "http://169.254.169.254/latest/meta-data/",
            "http://metadata.google.internal/computeMetadata/v1/",
        ):
            refused(await gw.ask(image(url)), "invalid_image_url")
            answer = await gw.ask(file(f"{url}?x=.pdf"))
            refused(answer, "invalid_file_url", "messages[0].content[1].file.file_data")
        assert site.connections == []
        assert gw.upstream.requests == []


async def test_not_more_than_some_urls_are_fetched(tmp_path: Path) -> None:
    data = saved(two_halves(20, 20), "PNG")
    async with web(("200 OK", data)) as site, gateway(tmp_path, **LOCAL) as gw:
        urls = [image(f"{site.url}/{number}") for number in range(21)]
        assert len(await gw.sent(*urls[:20])) == 20
        answer = await gw.ask(*urls)
        refused(answer, "array_above_max_length", "messages[0].content[21].image_url.url")


async def test_downloads_of_a_request_have_a_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(two_halves(20, 20), "PNG")
    monkeypatch.setattr(media, "MOST_DOWNLOADED_BYTES", 2 * len(data))
    async with web(("200 OK", data)) as site, gateway(tmp_path, **LOCAL) as gw:
        urls = [image(f"{site.url}/{number}") for number in range(3)]
        assert len(await gw.sent(*urls[:2])) == 2
        answer = await gw.ask(*urls)
        place = "messages[0].content[3].image_url.url"
        assert "those before it" in refused(answer, "invalid_image_url", place)


async def test_https_urls_are_handed_over(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gw:
        blocks = await gw.sent(
            image("https://example.com/a.png"), image("https://example.com/a.pdf?x")
        )
        assert [one["type"] for one in blocks] == ["image", "document"]
        assert blocks[0]["source"] == {"type": "url", "url": "https://example.com/a.png"}
