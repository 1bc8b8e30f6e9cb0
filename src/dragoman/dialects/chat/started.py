"""What the start of a stream's block may already hold."""

from msgspec import Raw, Struct

from dragoman.codec import jsonio


class StartedBlock(Struct):
    """The members of a ``content_block`` that are the beginning of what it says."""

    text: Raw = Raw(b"")
    thinking: Raw = Raw(b"")
    data: Raw = Raw(b"")
    input: Raw = Raw(b"{}")


started_blocks = jsonio.Decoder(StartedBlock)
EMPTY_TEXT = Raw(b'{"type":"text","text":""}')
"""How nearly every text block begins."""
