"""Content codings that nobody asked for: undone within a bound, or refused."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.http.inflate import PIECE_BYTES, BadCoding, Inflater
from tests.http.client_rig import answer, chunked, client_to, failure_of, fetch, no_leaks, post
from tests.scripted_upstream import FIN, RECEIVE, Script, ScriptedUpstream, Slices

__all__ = ["no_leaks"]

TEXT = b'{"type":"message"}' * 1000
BOMB_BYTES = 70 * 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


CODED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("X-GZIP", gzip.compress(TEXT)),
    "two members": ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "raw deflate": ("deflate", raw_deflate(TEXT)),
    "identity": ("identity", TEXT),
}


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("cut", ["whole", "bytes", "chunks"])
async def test_codings_are_undone(name: str, cut: str) -> None:
    coding, data = CODED[name]
    header = f"content-encoding: {coding}"
    wire = answer(data, header)
    if cut == "chunks":
        wire = chunked(*[data[i : i + 50] for i in range(0, len(data), 50)], headers=(header,))
    script: Script = [RECEIVE, Slices(wire) if cut == "bytes" and name != "identity" else wire]
    async with ScriptedUpstream(script * 2) as upstream, client_to(upstream) as client:
        assert await fetch(client) == TEXT
        assert await fetch(client) == TEXT
        assert len(upstream.connections) == 1
        assert upstream.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br"])
async def test_other_codings_are_refused(coding: str) -> None:
    wire = answer(b"x", f"content-encoding: {coding}")
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        failure = await failure_of(post(client))
        assert failure.kind == "upstream_nonsense"
        assert coding in failure.detail
        await upstream.connections[0].over


async def test_a_bomb_is_cut_off() -> None:
    bomb = gzip.compress(bytes(BOMB_BYTES))
    wire = answer(bomb, "content-encoding: gzip")
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        response = await post(client)
        total = 0
        with pytest.raises(Exception, match="not what was asked") as caught:
            while data := await response.read():
                assert len(data) <= PIECE_BYTES
                total += len(data)
        assert caught.value.kind == "upstream_nonsense"  # type: ignore[attr-defined]
        assert total <= 64 * 1024 * 1024


@pytest.mark.parametrize("damaged", [b"not gzip at all", gzip.compress(TEXT) + b"surplus"])
async def test_what_is_not_the_coding_it_says(damaged: bytes) -> None:
    wire = answer(damaged, "content-encoding: gzip")
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        assert (await failure_of(fetch(client))).kind == "upstream_nonsense"


async def test_a_coded_body_that_ends_early() -> None:
    wire = answer(gzip.compress(TEXT)[:-4], "content-encoding: gzip")
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        assert (await failure_of(fetch(client))).kind == "upstream_truncated"


async def test_a_coded_body_that_is_cut_off() -> None:
    wire = answer(gzip.compress(TEXT), "content-encoding: gzip")[:-4]
    async with ScriptedUpstream([RECEIVE, wire, FIN]) as upstream, client_to(upstream) as client:
        assert (await failure_of(fetch(client))).kind == "upstream_truncated"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
async def test_no_body_is_no_body_in_any_coding(status: str) -> None:
    wire = answer(b"", "content-encoding: gzip", status=status)
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b""


@given(st.binary(max_size=600), st.sampled_from(["gzip", "deflate", "raw"]), st.data())
def test_however_it_is_cut(data: bytes, coding: str, cuts: st.DataObject) -> None:
    data *= 3000
    make = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": raw_deflate}[coding]
    coded = make(data)
    inflater = Inflater("gzip" if coding == "gzip" else "deflate", len(data))
    out = b""
    while coded:
        size = cuts.draw(st.integers(1, len(coded)))
        inflater.feed(coded[:size])
        coded = coded[size:]
        while piece := inflater.next():
            assert len(piece) <= PIECE_BYTES
            out += piece
    assert inflater.finished
    assert out == data


def test_output_still_inside_zlib_when_all_input_is_used() -> None:
    data = (b"ab" * PIECE_BYTES)[: PIECE_BYTES + 5]
    inflater = Inflater("deflate", len(data))
    inflater.feed(raw_deflate(data))
    assert inflater.next() + inflater.next() == data
    assert inflater.finished


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_data_or_refused(data: bytes, coding: str) -> None:
    inflater = Inflater(coding, 1 << 20)
    inflater.feed(data)
    try:
        while inflater.next():
            pass
    except BadCoding:
        return
    assert inflater.finished in (True, False)
