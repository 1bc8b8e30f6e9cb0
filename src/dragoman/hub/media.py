"""Images and documents that are not yet as upstream takes them.

Translation is pure, so it only notes what has to be done: a picture in another format, one that is
too large, a URL that upstream does not fetch. ``dragoman.media`` does it before the request is
sent.
"""

from typing import NamedTuple

from msgspec import Struct

from dragoman.hub.request import Document, Image


class Bounds(NamedTuple):
    """What an image may be (protocol.md §2b rule 34), and what it becomes when it must change."""

    edge: int
    """Most pixels of its longer edge."""
    base64_bytes: int
    """Most bytes of its base64."""
    scale_to: int
    """Pixels of the longer edge that an image which is written anew is brought down to."""


class Pending(Struct, gc=False):
    """One block whose source must be replaced before the request goes upstream.

    A ``UrlSource`` must be fetched, a ``Base64Source`` brought within the bounds.
    """

    block: Image | Document
    path: str
    """Where it stands in the client's request."""
    bounds: Bounds
    text: bool = False
    """What is fetched may be a text."""
