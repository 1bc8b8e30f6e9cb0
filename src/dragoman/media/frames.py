"""What gateway and worker say to each other over two pipes.

A job is a head of fixed size and its data, an answer likewise. Nothing in them is a program, a
name or a text: numbers and bytes. A worker that is ready to work says one byte first.
"""

from enum import IntEnum
from struct import Struct
from typing import Final

READY: Final = b"\x06"

JOB: Final = Struct(">IIIBQ")
"""Most pixels of an edge, most bytes of base64, pixels to scale to, whether the data is base64, its
length."""
ANSWER: Final = Struct(">BBQ")
"""Status, kind of image, length of the base64 that follows."""

MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What a kind of image stands for."""


class Status(IntEnum):
    """How a job ended."""

    CONVERTED = 0
    """The base64 of another image follows."""
    KEPT = 1
    """The image is fine as it is, and really of the kind said."""
    BROKEN = 2
    """It cannot be decoded."""
    TOO_LARGE = 3
    """It has more pixels than are decoded, or needs more memory than there is."""
