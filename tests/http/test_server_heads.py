"""The head parser beside h11, and the law that cuts do not matter."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.http.call import Call
from dragoman.http.connection import Connection
from dragoman.http.request_head import Heads, RequestHeads
from dragoman.http.server_limits import ServerLimits
from dragoman.http.server_state import ServerState

LIMITS = ServerLimits()

Head = tuple[str, str, list[tuple[str, str]]]


def ours(head: bytes) -> Head | Failure:
    """Method, target and headers as we read them, or why we refuse."""
    try:
        line, headers = RequestHeads(LIMITS).parse(head.removesuffix(b"\r\n\r\n"))
    except Failure as failure:
        return failure
    return line.method, _target(line.path, line.query), sorted(headers.items())


def _target(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def theirs(head: bytes) -> Head | None:
    """The same as h11 reads it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, _, query = event.target.decode("latin-1").partition("?")
    return event.method.decode(), _target(path, query), sorted(headers.items())


def lines(head: bytes) -> list[bytes]:
    return head.removesuffix(b"\r\n\r\n").split(b"\r\n")


def targets(head: bytes) -> list[bytes]:
    return lines(head)[0].split(b" ")[1:-1]


def has_bare_line_feed(head: bytes) -> bool:
    return b"\n" in head.replace(b"\r\n", b"")


def has_fold(head: bytes) -> bool:
    return any(line[:1] in (b" ", b"\t", b"") for line in lines(head))


def is_control(byte: int) -> bool:
    return (byte < 32 and byte not in b"\r\n\t") or byte == 127


def names(head: bytes) -> list[bytes]:
    return [line.partition(b":")[0].lower() for line in lines(head)[1:]]


STRICTER: dict[str, Callable[[bytes], bool]] = {
    # Everything that we refuse and h11 reads: what we say, and what must then be so.
    # llhttp knows the registered methods; h11 takes any token.
    "Invalid method encountered": lambda head: lines(head)[0].split(b" ")[0] not in METHODS,
    "Expected space after method": lambda head: lines(head)[0].split(b" ")[0] not in METHODS,
    # h11 ends lines at bare line feeds, joins folded lines, and passes control characters.
    "Expected CRLF after version": has_bare_line_feed,
    "Missing expected CR after header value": has_bare_line_feed,
    "Invalid header field char": has_bare_line_feed,
    "Unexpected whitespace after header value": has_fold,
    "Invalid header value char": lambda head: (
        has_fold(head) or has_bare_line_feed(head) or any(map(is_control, head))
    ),
    # h11 takes any target; we take paths.
    "Unexpected start char in url": lambda head: not targets(head)[0].startswith(b"/"),
    "Unexpected char in url schema": lambda head: not targets(head)[0].startswith(b"/"),
    "Invalid characters in url": lambda head: not targets(head)[0].startswith(b"/"),
    "The request target must be a path": lambda head: not targets(head)[0].startswith(b"/"),
    "The request line is not": lambda head: b"#" in targets(head)[0],
    # h11 looks for a Host and not into it.
    "The Host header is not a host": lambda head: b"host" in names(head),
    "A header name contains an underscore": lambda head: any(b"_" in name for name in names(head)),
    # h11 lets equal lengths stand twice, and a coding beside a length or in HTTP/1.0.
    "Duplicate Content-Length": lambda head: names(head).count(b"content-length") > 1,
    "Invalid character in Content-Length": lambda head: b"," in head,
    "Content-Length can't be present": lambda head: b"transfer-encoding" in names(head),
    "Transfer-Encoding can't be present": lambda head: b"content-length" in names(head),
    # h11 strips a tab behind the coding.
    "Request has invalid `Transfer-Encoding`": lambda head: b"chunked\t" in head,
    "HTTP/1.0 has no transfer codings": lambda head: b"HTTP/1.0" in lines(head)[0],
}
"""There is no table of what we read and h11 refuses: nothing."""

METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE")

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-!#$%&'*+.^`|~", min_size=1, max_size=12)
VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30
)
TARGETS = st.text("abcXYZ019-._~%!$&'()*+,;=:@/?", max_size=40).map(lambda text: "/" + text)
FRAMINGS = st.sampled_from(
    ["", "Content-Length: 0\r\n", "content-length: 17\r\n", "Transfer-Encoding: chunked\r\n"]
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A valid head."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"]))
    name = draw(st.lists(st.tuples(TOKENS, VALUES), max_size=6))
    fields = "".join(f"x{one}:{draw(SPACE)}{value}{draw(SPACE)}\r\n" for one, value in name)
    host = f"Host: {draw(st.sampled_from(['a', 'a:80', '[::1]']))}\r\n"
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    framing = draw(FRAMINGS) if version == "1.1" else ""
    text = f"{method} {draw(TARGETS)} HTTP/{version}\r\n{host}{fields}{framing}\r\n"
    return text.encode("latin-1")


SPACE = st.sampled_from(["", " ", "  ", "\t", " \t "])
SPLINTERS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b"_", b"#", b","),
        *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"HTTP/1.1"),
        *(b"\r\n folded", b"GET ", b"Content-Length: 0x1\r\n", b"Transfer-Encoding: gzip\r\n"),
    ]
)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A head with something put in, taken out or doubled."""
    head = draw(heads()).removesuffix(b"\r\n\r\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(head)))
        to = draw(st.integers(at, min(len(head), at + 8)))
        kind = draw(st.integers(0, 2))
        if kind == 0:
            head = head[:at] + draw(SPLINTERS) + head[at:]
        elif kind == 1:
            head = head[:at] + head[to:]
        else:
            head = head[:to] + head[at:to] + head[to:]
    return head.partition(b"\r\n\r\n")[0].removesuffix(b"\r\n") + b"\r\n\r\n"


@given(heads())
def test_what_is_valid_is_read_as_h11_reads_it(head: bytes) -> None:
    assert ours(head) == theirs(head)
    assert theirs(head) is not None


@settings(max_examples=500)
@given(mutants())
@example(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
@example(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n")
@example(b"GET / HTTP/1.1\nHost: a\r\n\r\n")
@example(b"GET /\nX: HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nA_b: c\r\n\r\n")
@example(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
def test_what_is_damaged_is_read_as_h11_reads_it_or_refused(head: bytes) -> None:
    read, expected = ours(head), theirs(head)
    if not isinstance(read, Failure):
        assert read == expected
    elif expected is not None:
        reasons = [holds for message, holds in STRICTER.items() if message in read.message]
        assert reasons, read.message
        assert reasons[0](head), read.message


@given(st.binary(max_size=200))
def test_no_head_raises_anything_but_a_failure(junk: bytes) -> None:
    ours(junk)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def calls_of(pieces: list[bytes]) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    """What handlers see when a connection receives these pieces, and the statuses it answers."""
    seen: list[tuple[Any, ...]] = []

    async def handler(call: Call) -> None:
        try:
            body = await call.body()
        except Failure as failure:
            call.respond(failure.status, (), b"")
            return
        seen.append((call.method, call.path, call.query, call.headers, body))
        call.respond(200, (), b"")

    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Any) -> asyncio.Task[None]:
        tasks.append(asyncio.ensure_future(work))
        return tasks[-1]

    clock = Clock(wall=lambda: 0.0, mono=lambda: 0.0)
    state = ServerState(handler, LIMITS, clock, spawn, lambda failure, path: b"")
    connection, wire = Connection(state), Wire()
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.gather(*tasks, return_exceptions=True)
    statuses = [line[9:12] for line in wire.written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return seen, statuses


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` cut at these places, modulo its length."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


REQUESTS = st.sampled_from(
    [
        b"GET /a?b HTTP/1.1\r\nHost: t\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: t\r\nX: \xe9\r\nx: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\n\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\n\r\n\r\n\r\n2;a=b\r\nxy\r\n0\r\nA: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nz\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: t\nX: y\r\n\r\n",
        b"GET /\r\n\r\n",
    ]
)


@given(st.lists(REQUESTS, min_size=1, max_size=4), st.lists(st.integers(0, 1000), max_size=12))
async def test_cuts_do_not_matter(requests: list[bytes], places: list[int]) -> None:
    stream = b"".join(requests)
    whole = await calls_of([stream])
    assert await calls_of(cut(stream, places)) == whole
    assert await calls_of([stream[i : i + 1] for i in range(len(stream))]) == whole


def test_lines_seen_before_are_few_and_hold_no_secrets() -> None:
    reader = RequestHeads(LIMITS)
    for number in range(3000):
        head = (
            f"GET /{number} HTTP/1.1\r\nHost: h{number}\r\nAuthorization: Bearer {number}\r\n"
            f"X-Api-Key: {number}\r\nX-Long: {'x' * 200}\r\nCookie: {number}"
        )
        line, headers = reader.parse(head.encode())
        assert (line.path, headers["host"]) == (f"/{number}", f"h{number}")
        assert headers["authorization"] == f"Bearer {number}"
    kept = reader.kept
    assert 0 < len(kept) <= 2048
    assert not [line for line in kept if line.startswith((b"Auth", b"X-Api", b"Cookie"))]
    assert max(map(len, kept)) <= 100


HEADS = st.builds(
    lambda first, length, name, rest: b"\r\n".join([first, *rest[:1], name + length, *rest[1:]]),
    st.sampled_from([b"POST /a HTTP/1.1", b"POST /b HTTP/1.1", b"GET /a HTTP/1.0"]),
    st.sampled_from(
        [b"0", b"7", b"07", b"123456", b"9" * 15, b"9" * 17, b"", b"-1", b"1 ", b"1, 1"]
    ),
    st.sampled_from([b"Content-Length: ", b"content-length:", b"X-Length: "]),
    st.sampled_from(
        [
            [b"Host: t", b"Authorization: Bearer a"],
            [b"Host: t", b"Authorization: Bearer b"],
            [b"Host: t", b"Content-Length: 7"],
            [b"Host: t", b"Transfer-Encoding: chunked"],
            [b"Host: t", b"X: y", b"x: z"],
            [b"Host: t"],
        ]
    ),
)


@given(st.lists(HEADS, min_size=2, max_size=8))
def test_a_connection_reads_the_same_head_again_as_it_would_a_new_one(heads: list[bytes]) -> None:
    connection = Heads(RequestHeads(LIMITS))
    for head in [*heads, *heads, heads[0], heads[0]]:
        try:
            expected = RequestHeads(LIMITS).parse(head)
        except Failure as failure:
            expected = failure.kind
        try:
            line, headers = connection.read(head)
        except Failure as failure:
            assert failure.kind == expected
        else:
            assert (line, headers) == expected
            headers["x-changed"] = "by whoever reads them"
