"""What a request still needs before it can be sent: downloads and conversions.

:meth:`Media.resolve` goes through the pending blocks of a request one by one and puts a source in
place that upstream takes, or raises a :class:`Failure` that names the client's own part. What was
downloaded is judged by its bytes, like everything else.
"""

import asyncio
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import UNSET, Raw

from dragoman.codec import image, jsonio
from dragoman.errors import Failure
from dragoman.hub.media import Bounds, Pending
from dragoman.hub.request import (
    Base64Source,
    Block,
    Document,
    Image,
    Request,
    TextSource,
    ToolResult,
    UrlSource,
)
from dragoman.media.converter import Converted, Converter, Job, Unusable
from dragoman.media.fetch import Fetcher, Refused

MOST_DOWNLOADS: Final = 20
"""URLs of one request that are fetched here."""
MOST_DOWNLOADED_BYTES: Final = 64 << 20
"""Of all of them together; Anthropic takes requests of 32 MB, and pictures may shrink."""
KEPT_BYTES: Final = 32 << 20
"""Converted images that are kept: the next turn of a conversation brings them again."""
_INSTEAD: Final = "Send the data itself"
_STEP: Final = 3 << 18
"""Bytes encoded before others may run; a multiple of three."""


class Media:
    """Fetches and converts. ``fetch`` is the operator's leave to download."""

    def __init__(self, fetcher: Fetcher, converter: Converter, *, fetch: bool) -> None:
        self._fetcher = fetcher
        self._converter = converter
        self._fetch = fetch
        self._kept = Kept(KEPT_BYTES)

    async def resolve(self, request: Request, pending: Sequence[Pending]) -> None:
        """Make all pending blocks ready.

        Raises :class:`Failure`: ``invalid_image_url``, ``invalid_file_url``, ``invalid_image``,
        ``array_too_long`` (400), ``busy`` (503).
        """
        downloads = await self._downloads(pending)
        for one in pending:
            source = one.block.source
            if isinstance(source, UrlSource):
                await self._place(request, one, downloads[jsonio.text_of(source.url)])
            elif isinstance(source, Base64Source) and isinstance(one.block, Image):
                data = memoryview(source.data)[1:-1]
                await self._convert(one, one.block, data, is_base64=True)

    async def _downloads(self, pending: Sequence[Pending]) -> dict[str, bytes]:
        """What the URLs lead to, one after the other, each once."""
        found: dict[str, bytes] = {}
        urls = [
            (jsonio.text_of(one.block.source.url), one)
            for one in pending
            if isinstance(one.block.source, UrlSource)
        ]
        size = 0
        for url, one in urls:
            if url in found:
                continue
            if len(found) >= MOST_DOWNLOADS:
                message = f"At most {MOST_DOWNLOADS} URLs of a request are fetched. {_INSTEAD}."
                raise Failure("array_too_long", message, param=one.path)
            found[url] = await self._download(url, one)
            size += len(found[url])
            if size > MOST_DOWNLOADED_BYTES:
                most = MOST_DOWNLOADED_BYTES >> 20
                raise _bad_url(one, f"and those before it lead to more than {most} MiB")
        return found

    async def _download(self, url: str, one: Pending) -> bytes:
        if not self._fetch:
            raise _bad_url(one, f"is not fetched: this gateway does not download. {_INSTEAD}")
        try:
            return await self._fetcher.get(url)
        except Refused as error:
            raise _bad_url(one, str(error)) from None

    async def _place(self, request: Request, one: Pending, data: bytes) -> None:
        """Put what was downloaded where the URL was."""
        block = one.block
        if data.startswith(b"%PDF-"):
            source = Base64Source("application/pdf", await _quoted(data))
            _become(request, block, Document(source, cache_control=block.cache_control))
            return
        text = _text(data) if one.text else None
        if text is not None and isinstance(block, Document):
            block.source = TextSource("text/plain", jsonio.quote(text))
            return
        await self._place_image(request, one, data)

    async def _place_image(self, request: Request, one: Pending, data: bytes) -> None:
        block = one.block
        info = image.sniff(data)
        known = info is not None and info.media_type in (image.ACCEPTED | image.CONVERTED)
        if info is None or not known:
            raise _bad_url(one, "leads to nothing that Claude reads")
        image.refuse_too_many_pixels(info, one.path)
        if isinstance(block, Document):
            picture = Image(Base64Source("", Raw(b'""')), block.cache_control)
            _become(request, block, picture)
        else:
            picture = block
        if image.fits(info, (len(data) + 2) // 3 * 4, one.bounds):
            picture.source = Base64Source(info.media_type, await _quoted(data))
        else:
            await self._convert(one, picture, memoryview(data), is_base64=False)

    async def _convert(
        self, one: Pending, block: Image, data: memoryview, *, is_base64: bool
    ) -> None:
        key = Key(hashlib.sha256(data).digest(), is_base64, one.bounds)
        found = self._kept.get(key)
        if found is None:
            try:
                found = await self._converter.convert(Job(data, is_base64, one.bounds))
            except Unusable as error:
                raise Failure("invalid_image", f"The image {error}.", param=one.path) from None
            self._kept.put(key, found)
        if found.base64:
            block.source = Base64Source(found.media_type, Raw(b'"%b"' % found.base64))
        elif is_base64 and isinstance(block.source, Base64Source):
            block.source = Base64Source(found.media_type, block.source.data)
        else:
            block.source = Base64Source(found.media_type, await _quoted(bytes(data)))


class Key(NamedTuple):
    """What decides how a conversion ends."""

    digest: bytes
    is_base64: bool
    bounds: Bounds


class Kept:
    """The conversions used last, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._found: OrderedDict[Key, Converted] = OrderedDict()
        self._most = most_bytes
        self._bytes = 0

    def get(self, key: Key) -> Converted | None:
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
        return found

    def put(self, key: Key, converted: Converted) -> None:
        size = len(converted.base64) + 200
        if size > self._most // 4 or key in self._found:
            return
        self._found[key] = converted
        self._bytes += size
        while self._bytes > self._most:
            _, oldest = self._found.popitem(last=False)
            self._bytes -= len(oldest.base64) + 200


def _bad_url(one: Pending, reason: str) -> Failure:
    kind = "invalid_image_url" if isinstance(one.block, Image) else "invalid_file_url"
    return Failure(kind, f"The URL {reason}.", param=one.path)


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


async def _quoted(data: bytes) -> Raw:
    """A literal of base64, made step by step: megabytes must not hold up the loop."""
    pieces = [b'"']
    for at in range(0, len(data), _STEP):
        pieces.append(binascii.b2a_base64(data[at : at + _STEP], newline=False))
        if at + _STEP < len(data):
            await asyncio.sleep(0)
    pieces.append(b'"')
    return Raw(b"".join(pieces))


def _become(request: Request, old: Block, new: Image | Document) -> None:
    """Put a block of another kind where ``old`` is."""
    if isinstance(old, Document) and isinstance(new, Document):
        new.title = old.title
    for message in request.messages:
        for at, block in enumerate(message.content):
            if block is old:
                message.content[at] = new
            elif isinstance(block, ToolResult) and block.content is not UNSET:
                block.content = [new if one is old else one for one in block.content]
