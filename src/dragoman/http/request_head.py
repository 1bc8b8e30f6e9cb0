"""A request's head: judged by llhttp, then split.

The connection hands over a complete head, from the request line to the empty line. llhttp, in its
strict mode, refuses everything that is not HTTP/1.x: bare line feeds, folded lines, spaces around
names, control characters, a length that is repeated, signed or beside a transfer coding, unknown
methods and versions. What it accepts is unambiguous, so splitting lines at CR LF and names at the
first colon reads it the way llhttp did. On top of that this module refuses what only invites two
readings further on: names with an underscore, any transfer coding but exactly ``chunked``, targets
that are not a path, and a ``Host`` that is absent, repeated or not a host.

A parser lives as long as one head, so nothing of one request can reach the next. Most header lines
of a client repeat from request to request, and are kept parsed in a bounded table; lines that carry
a credential are not kept there. A connection that is used again mostly brings the very same head,
but for the length of the body: it is compared with the last one instead of read (:class:`Heads`,
which lives as long as the connection).
"""

import re
from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from dragoman.errors import Failure
from dragoman.http.server_limits import ServerLimits

UNDERSCORED: Final = frozenset({"session_id", "conversation_id"})
"""The names with an underscore that clients do send and that mean something here (interface.md
§4)."""

_SECRET: Final = frozenset({"authorization", "x-api-key", "proxy-authorization", "cookie"})
_MAX_KEPT_LINES: Final = 1024
_MAX_KEPT_LINE_BYTES: Final = 100
_MAX_LENGTH_DIGITS: Final = 15

_HOST: Final = re.compile(r"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]{1,255}")
"""RFC 3986 §3.2.2–3.2.3: a registered name, an address or a bracketed IPv6 address, and a port."""
_REQUEST_LINE: Final = re.compile(rb"([A-Z-]{1,24}) ([!-\"$-~]+) HTTP/(1\.[01])")
"""Where llhttp still reads HTTP/0.9, line ends before the method, and runs of spaces."""


class _Silent:
    """llhttp's audience where only its verdict is wanted."""

    on_message_begin = on_url = on_header = on_headers_complete = on_body = None
    on_message_complete = on_chunk_header = on_chunk_complete = None


_SILENT: Final = _Silent()


_LENGTH: Final = re.compile(
    rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n|\Z)", re.IGNORECASE
)


class RequestLine(NamedTuple):
    """The first line, taken apart."""

    method: str
    path: str
    query: str
    modern: bool
    """HTTP/1.1 rather than 1.0."""


class RequestHeads:
    """Takes heads apart; one for a server, so that its connections share what was seen before."""

    __slots__ = ("_field", "_fields", "_max_lines", "_request_line", "_request_lines")

    def __init__(self, limits: ServerLimits) -> None:
        self._max_lines = limits.max_headers + 1
        self._request_lines = _RequestLines(limits.max_target_bytes)
        self._fields = _Fields()
        self._request_line = self._request_lines.__getitem__
        self._field = self._fields.__getitem__

    @property
    def kept(self) -> list[bytes]:
        """The lines that are remembered."""
        return [*self._request_lines, *self._fields]

    def parse(self, head: bytes) -> tuple[RequestLine, dict[str, str]]:
        """Request line and headers: lower-case names, repeated ones joined by ``", "``.

        ``head`` comes without its empty line. Raises Failure bad_request, uri_too_long or
        headers_too_large; after any of them the connection's framing is lost.
        """
        lines = head.split(b"\r\n")
        if len(lines) > self._max_lines:
            raise Failure("headers_too_large", f"More than {self._max_lines - 1} headers.")
        try:
            HttpRequestParser(_SILENT).feed_data(head + b"\r\n\r\n")
        except HttpParserUpgrade:
            pass  # An offer to switch protocols may be ignored (RFC 9110 §7.8).
        except HttpParserError as error:
            raise Failure("bad_request", f"Malformed HTTP request: {error}.") from None
        line = self._request_line(lines[0])
        del lines[0]
        headers = dict(map(self._field, lines))
        if len(headers) != len(lines):
            headers = self._join(lines)
        if "host" not in headers and line.modern:
            raise Failure("bad_request", "The Host header is missing.")
        if not line.modern and "transfer-encoding" in headers:
            raise Failure("bad_request", "HTTP/1.0 has no transfer codings.")
        return line, headers

    def _join(self, lines: list[bytes]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in map(self._field, lines):
            if name not in headers:
                headers[name] = value
            elif name == "host":
                raise Failure("bad_request", "The Host header is repeated.")
            else:
                headers[name] += ", " + value
        return headers


class Heads:
    """The heads of one connection, of which most are the last one again."""

    __slots__ = ("_after", "_before", "_fresh", "_headers", "_heads", "_line")

    def __init__(self, heads: RequestHeads) -> None:
        self._heads = heads
        self._fresh = True
        """The first head is not kept: most connections that stay at one bring a stream."""
        self._before = b""
        self._after = b""
        self._line = RequestLine("", "", "", True)
        self._headers: dict[str, str] = {}

    def read(self, head: bytes) -> tuple[RequestLine, dict[str, str]]:
        """:meth:`RequestHeads.parse`, or the last head again with any content length."""
        before, after = self._before, self._after
        if before and head.startswith(before) and head.endswith(after):
            length = head[len(before) : len(head) - len(after)]
            if length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS:
                headers = self._headers.copy()
                headers["content-length"] = length.decode()
                return self._line, headers
        line, headers = self._heads.parse(head)
        if self._fresh:
            self._fresh = False
        else:
            self._keep(head, line, headers)
        return line, headers

    def _keep(self, head: bytes, line: RequestLine, headers: dict[str, str]) -> None:
        found = _LENGTH.search(head)
        if found is None:
            self._before = b""
            return
        start, end = found.span(1)
        self._before, self._after = head[:start], head[end:]
        self._line, self._headers = line, headers.copy()


class _RequestLines(dict[bytes, RequestLine]):
    """Request lines seen before; a new one is taken apart."""

    def __init__(self, max_target_bytes: int) -> None:
        super().__init__()
        self._max_target_bytes = max_target_bytes

    def __missing__(self, line: bytes) -> RequestLine:
        matched = _REQUEST_LINE.fullmatch(line)
        if matched is None:
            raise Failure("bad_request", "The request line is not `METHOD /path HTTP/1.1`.")
        method, target, version = (part.decode() for part in matched.groups())
        if len(target) > self._max_target_bytes:
            raise Failure(
                "uri_too_long", f"More than {self._max_target_bytes} bytes of path and query."
            )
        if method == "CONNECT" or not target.startswith("/"):
            if (method, target) != ("OPTIONS", "*"):
                raise Failure("bad_request", "The request target must be a path.")
        path, _, query = target.partition("?")
        parsed = RequestLine(method, path, query, version == "1.1")
        if len(line) <= _MAX_KEPT_LINE_BYTES and not query:
            if len(self) >= _MAX_KEPT_LINES:
                self.clear()
            self[line] = parsed
        return parsed


class _Fields(dict[bytes, tuple[str, str]]):
    """Header lines seen before; a new one is taken apart."""

    def __missing__(self, line: bytes) -> tuple[str, str]:
        name, _, value = line.decode("latin-1").partition(":")
        name = name.lower()
        value = value.strip(" \t")
        if name in _SECRET:
            return name, value
        if "_" in name and name not in UNDERSCORED:
            raise Failure("bad_request", "A header name contains an underscore.")
        if name == "transfer-encoding" and value.lower() != "chunked":
            raise Failure("bad_request", "The only transfer coding accepted is `chunked`.")
        if name == "host" and not _HOST.fullmatch(value):
            raise Failure("bad_request", "The Host header is not a host and an optional port.")
        field = (name, value)
        if len(line) <= _MAX_KEPT_LINE_BYTES:
            if len(self) >= _MAX_KEPT_LINES:
                self.clear()
            self[line] = field
        return field


def is_hopeless(partial: bytes | bytearray, seen: int) -> bool:
    """Whether bytes that are not yet a whole head can already not become one.

    ``seen`` of them were judged before. Without this, a sender of bare line feeds or of another
    protocol would be left waiting for the time-out instead of being told.
    """
    if seen < 3 and not _BEGINNING.match(partial):
        return True
    return _BARE_LF.search(partial, seen) is not None


_BEGINNING: Final = re.compile(rb"(?:\r\n)?[A-Z]|\r?\Z|\r\n\Z")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")


def too_long(head: bytes, limits: ServerLimits) -> Failure:
    """The refusal of a head, whole or not, that is over the limit."""
    if len(head.partition(b"\r\n")[0]) > limits.max_target_bytes:
        return Failure("uri_too_long", "The request line is too long.")
    return Failure("headers_too_large", f"More than {limits.max_head_bytes} bytes of headers.")


def is_last(connection: str, modern: bool) -> bool:
    """Whether a ``Connection`` header ends the connection after the answer (RFC 9112 §9.3)."""
    options = [option.strip() for option in connection.lower().split(",")]
    return "close" in options or not (modern or "keep-alive" in options)


def path_of(head: bytes) -> str:
    """The path of a head that may be malformed, as far as it can be told; for choosing an error's
    shape."""
    _, _, rest = head.partition(b" ")
    target = rest.partition(b" ")[0].partition(b"?")[0]
    return target.decode("latin-1") if target.startswith(b"/") else ""
