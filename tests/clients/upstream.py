"""Anthropic's side of a scripted exchange: turns of blocks, streamed or whole as they are asked."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.gateway.harness import LAST_CHUNK, STREAM_HEAD, event, reply
from tests.scripted_upstream import Connection, Request

MODEL = "claude-sonnet-5-5"
USAGE = {"input_tokens": 100, "output_tokens": 1, "cache_read_input_tokens": 40}
OUTPUT_TOKENS = 30
THOUGHT = {"type": "thinking", "thinking": "A look is wanted.", "signature": "c2lnbmVk"}


class Turn(NamedTuple):
    """What upstream answers once. A text may be a list: the pieces in which it is streamed."""

    blocks: Sequence[dict[str, Any]]
    stop: str = "end_turn"

    def streamed(self, number: int = 0) -> bytes:
        """As the events of an HTTP response, the ``number``-th of its upstream."""
        message = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": USAGE,
        }
        sent = [STREAM_HEAD, event("message_start", message=message)]
        for index, block in enumerate(self.blocks):
            empty, deltas = _pieces(block)
            sent.append(event("content_block_start", index=index, content_block=empty))
            sent += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
            sent.append(event("content_block_stop", index=index))
        end = {"stop_reason": self.stop, "stop_sequence": None}
        usage = {**USAGE, "output_tokens": OUTPUT_TOKENS}
        sent.append(event("message_delta", delta=end, usage=usage))
        return b"".join([*sent, event("message_stop"), LAST_CHUNK])

    def whole(self, number: int = 0) -> bytes:
        """As one HTTP response."""
        content = [
            {**block, "text": "".join(block["text"])} if "text" in block else block
            for block in self.blocks
        ]
        usage = {**USAGE, "output_tokens": OUTPUT_TOKENS}
        facts = {"id": f"msg_{number}", "model": MODEL, "stop_reason": self.stop}
        return reply(**facts, content=content, usage=usage)


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(a block's start, its deltas)."""
    if block["type"] == "text":
        texts = [block["text"]] if isinstance(block["text"], str) else block["text"]
        deltas = [{"type": "text_delta", "text": text} for text in texts]
        return {"type": "text", "text": ""}, deltas
    if block["type"] == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    text = json.dumps(block["input"])
    return {**block, "input": {}}, [
        {"type": "input_json_delta", "partial_json": piece} for piece in (text[:9], text[9:])
    ]


def words(*pieces: str) -> dict[str, Any]:
    """A text block, streamed in these pieces."""
    return {"type": "text", "text": list(pieces)}


def call(number: int, name: str, **given: Any) -> dict[str, Any]:
    """A tool call."""
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}


class Upstream:
    """Answers one request after the other, whichever connection they come on."""

    def __init__(self, answers: Sequence[Turn | bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def __call__(self, connection: Connection) -> None:
        while True:
            request = await connection.receive()
            self.requests.append(request)
            answer = self.answers.pop(0)
            if isinstance(answer, Turn):
                streamed = json.loads(request.body).get("stream")
                number = len(self.requests)
                answer = answer.streamed(number) if streamed else answer.whole(number)
            await connection.send(answer)

    def messages(self, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.requests[number].body)["messages"]
        return found
