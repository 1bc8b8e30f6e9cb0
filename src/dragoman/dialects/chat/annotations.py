"""What an answer cites: ``annotations`` (protocol.md §5c).

Upstream cites block by block, OpenAI by places in the whole text: an annotation spans the text
block that cites, counted in characters (Unicode code points) of the whole content. Only pages of
the web have the address that ``url_citation`` needs; what cites a document of the conversation
(``char_location``, ``page_location``, …) has no annotation, because there is none to be had without
making up an address.
"""

from msgspec import UNSET, Raw, Struct

from dragoman.codec import jsonio
from dragoman.hub.request import Text

_EMPTY = Raw(b'""')


class _Citation(Struct):
    """A citation of any kind."""

    type: str = ""
    url: Raw = _EMPTY
    title: Raw = _EMPTY


class UrlCitation(Struct):
    start_index: int
    end_index: int
    """The first character after the cited text."""
    url: Raw
    title: Raw


class Annotation(Struct, tag_field="type", tag="url_citation"):
    url_citation: UrlCitation


_citations = jsonio.Decoder(_Citation)
_lists = jsonio.Decoder(list[Raw])


class Annotations:
    """The annotations of one answer, found while its text blocks come in order."""

    __slots__ = ("_at", "_found", "_open", "_texts")

    def __init__(self) -> None:
        self._at = 0
        """Characters of the blocks that are over."""
        self._texts: list[bytes] = []
        self._open: dict[tuple[bytes, bytes], UrlCitation] = {}
        """What the present block cites, by address and title: two passages of one page are one
        annotation."""
        self._found: list[UrlCitation] = []

    def text(self, literal: bytes) -> None:
        """A piece of the present block's text, a JSON string literal."""
        self._texts.append(literal)

    def cite(self, raw: Raw) -> None:
        """The present block cites. A citation that we cannot read, or express, is passed over."""
        cited = _citations.attempt(raw)
        if cited is None or cited.type != "web_search_result_location":
            return
        url, title = _string(cited.url), _string(cited.title)
        if url == _EMPTY:
            return
        self._open.setdefault((bytes(url), bytes(title)), UrlCitation(0, 0, url, title))

    def end_block(self) -> None:
        """The present block is over: its citations have their place."""
        start = self._at
        if self._texts:
            # Joined before they are measured: half a surrogate pair is no character.
            self._at += len(jsonio.text_of(jsonio.join(self._texts)))
            self._texts = []
        for citation in self._open.values():
            citation.start_index, citation.end_index = start, self._at
            self._found.append(citation)
        self._open = {}

    def finish(self, cut_out: int | None = None) -> list[Annotation]:
        """All of them.

        ``cut_out`` is for an answer that was cut out of what the model said, and how many
        characters of it there are: the blocks' places are not in it, so all of it is what cites.
        """
        self.end_block()
        if cut_out is None:
            return [Annotation(citation) for citation in self._found]
        for citation in self._found:
            citation.start_index, citation.end_index = 0, cut_out
        once = {(bytes(one.url), bytes(one.title)): one for one in self._found}
        return [Annotation(citation) for citation in once.values()]


def of_blocks(blocks: list[Text]) -> Annotations:
    """The annotations of a whole answer's text blocks."""
    made = Annotations()
    for block in blocks:
        made.text(bytes(block.text))
        if block.citations is not UNSET:
            for citation in _lists.attempt(block.citations) or ():
                made.cite(citation)
        made.end_block()
    return made


def _string(raw: Raw) -> Raw:
    """A string literal as it is; ``null`` and everything else as an empty one."""
    return raw if bytes(raw)[:1] == b'"' else _EMPTY
