"""Thinking: when there is any, what it says, and the signature that makes it the simulator's own.

A signature seals (model line, bond, thinking text) with a key derived from the simulator's seed. It
has two seals: one over its own head, which says whether this simulator made it at all, and one that
also covers the text, which says whether the text is still the one that was signed. So a foreign
signature and an edited thinking block get the two different errors that the API has for them.
"""

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

from dragoman.simulator import binding
from dragoman.simulator.binding import Bond
from dragoman.simulator.phrases import PHRASES
from dragoman.simulator.prompt import Prompt, quoted
from dragoman.simulator.shape import Json, child
from dragoman.simulator.tokens import pieces

REDACTED = "redacted"
"""Stands for the text of redacted thinking in its seal."""
_VERSION = b"\x02"
_LINE_BYTES = 16
_SEAL_BYTES = 16
_HEAD_BYTES = 1 + _LINE_BYTES + binding.LENGTH
_PADDING_BYTES = 70
"""Makes a signature about as long as real ones are."""


class Verdict(NamedTuple):
    """What a thinking block turned out to be."""

    ours: bool
    """This simulator made the signature."""
    untouched: bool
    """The text is the one that was signed."""
    bond: Bond
    """What it was bound to; means nothing unless it is ours."""


class Signer:
    """Makes and checks signatures with one key."""

    def __init__(self, seed: str) -> None:
        self._key = hashlib.blake2b(seed.encode(), digest_size=32, person=b"dragoman-sign").digest()

    def sign(self, line: str, text: str, bond: Bond) -> str:
        """The signature of a thinking text. Equal texts with equal bonds sign equally."""
        head = _VERSION + line.encode()[:_LINE_BYTES].ljust(_LINE_BYTES) + b"".join(bond)
        padding = hashlib.shake_128(head + text.encode()).digest(_PADDING_BYTES)
        return base64.b64encode(head + self._seal(head) + self._seal(head, text) + padding).decode()

    def check(self, text: str, signature: str) -> Verdict:
        """Whether a block that came back is ours and untouched."""
        raw = _unpacked(signature)
        head, rest = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:]
        half = _HEAD_BYTES - binding.LENGTH // 2
        bond = Bond(head[_HEAD_BYTES - binding.LENGTH : half], head[half:])
        if not hmac.compare_digest(self._seal(head), rest[:_SEAL_BYTES]):
            return Verdict(False, False, bond)
        sealed = rest[_SEAL_BYTES : 2 * _SEAL_BYTES]
        return Verdict(True, hmac.compare_digest(self._seal(head, text), sealed), bond)

    def _seal(self, head: bytes, text: str = "\0") -> bytes:
        message = head + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256")[:_SEAL_BYTES]


def _unpacked(signature: str) -> bytes:
    try:
        return binascii.a2b_base64(signature, strict_mode=True)
    except ValueError:
        return b""


def thinks(prompt: Prompt) -> bool:
    """Whether the answer begins with thinking: the model's rules, the request, forced tools."""
    model = prompt.model
    if not model.thinking:
        return False
    if prompt.tool_choice.get("type") in ("any", "tool") and model.thinking_default != "always":
        return False
    match child(prompt.body, "thinking").get("type"):
        case "enabled" | "adaptive":
            return True
        case "disabled":
            return False
        case "between_tools":
            return bool(prompt.results)
        case _:
            return model.thinking_default != "off"


def think(prompt: Prompt, signer: Signer, organization: str, most: int) -> tuple[Json, int]:
    """The thinking block, and how many tokens of thinking it stands for, at most ``most``."""
    thought = pieces(_thought(prompt))[:most]
    text, spent = "".join(thought), len(thought)
    line = prompt.model.line or prompt.model.id
    bond = Bond(binding.prefix_of(prompt.body), binding.organization_mark(organization))
    if prompt.redacted:
        return {"type": "redacted_thinking", "data": signer.sign(line, REDACTED, bond)}, spent
    display = child(prompt.body, "thinking").get("display") or prompt.model.thinking_display
    shown = "" if display == "omitted" else text
    signature = signer.sign(line, shown, bond)
    return {"type": "thinking", "thinking": shown, "signature": signature}, spent


def _thought(prompt: Prompt) -> str:
    phrases = PHRASES[prompt.language]
    quote = quoted(prompt.question, 120) or "…"
    return phrases.space.join(text.format(quote=quote) for text in phrases.thought)
