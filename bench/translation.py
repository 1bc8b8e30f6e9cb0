"""``python -m bench.translation``: what translation alone costs, without any socket.

Prints tables of microseconds of CPU: the best of several rounds, because other programs only add.
"""

import base64
import os
import time
import timeit
from collections.abc import Callable
from typing import Any

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.hub.usage import Usage

ROUNDS = 9
MODEL = "claude-haiku-4-5-20251001"
ENGLISH = "The quick brown fox jumps over the lazy dog. "
CHINESE = "量子力学是研究微观世界的物理学分支。"
CATALOGUE = Catalogue()


def best(work: Callable[[], object], number: int) -> float:
    """Microseconds of CPU of one run."""
    rounds = timeit.repeat(work, timer=time.process_time, number=number, repeat=ROUNDS)
    return min(rounds) / number * 1e6


def request(content: Any, **fields: Any) -> bytes:
    message = {"role": "user", "content": content}
    return jsonio.encode({"model": MODEL, "messages": [message], **fields})


def translate(body: bytes) -> bytes:
    return anthropic.prepare(chat.parse(body, CATALOGUE, strict=False).request)


def requests() -> None:
    system = {"role": "system", "content": "You are a helpful assistant."}
    user = {"role": "user", "content": (ENGLISH * 30)[:960]}
    usual = {"model": MODEL, "messages": [system, user], "temperature": 0.7, "max_tokens": 100}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    picture = base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF" + os.urandom(1_500_000)).decode()
    url = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture}"}}
    turns = [{"role": ("user", "assistant")[at % 2], "content": ENGLISH * 6} for at in range(31)]
    rows = {
        "1 KB, two messages": jsonio.encode(usual),
        "one field unknown": jsonio.encode({**usual, "unknown": 1}),
        "one short message": request("hi"),
        "31 messages": jsonio.encode({"model": MODEL, "messages": turns}),
        "one tool": request("hi", tools=[tool]),
        "30 KB of English": request(ENGLISH * 667),
        "300 KB of English": request(ENGLISH * 6_667),
        "3 MB of English": request(ENGLISH * 66_670),
        "300 KB of Chinese": request(CHINESE * 5_556),
        "2 MB image": request([url]),
    }
    print("| request → upstream body | KB | µs | µs a KB |\n|---|---|---|---|")
    for name, body in rows.items():
        size = len(body) / 1000
        cost = best(lambda body=body: translate(body), max(3, int(4000 / size)))
        print(f"| {name} | {size:,.1f} | {cost:,.1f} | {cost / size:.2f} |")


def event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), jsonio.encode({"type": kind, **fields}))


def delta(kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=0, delta={"type": kind, **fields})


def streams() -> None:
    start = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 9}})
    start += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    end = event("content_block_stop", index=0)
    end += event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    end += event("message_stop")
    parsed = chat.parse(request("hi", stream=True), CATALOGUE, strict=False)

    def begun(*, fast: bool = True) -> Callable[[bytes], bytes]:
        reader, writer = anthropic.Reader(fast=fast), chat.StreamWriter(parsed, 1)
        writer.feed(reader.feed(start))
        return lambda data: writer.feed(reader.feed(data))

    def whole() -> None:
        reader, writer = anthropic.Reader(), chat.StreamWriter(parsed, 1)
        writer.feed(reader.feed(start))
        writer.feed(reader.feed(end))
        reader.close()
        writer.close(Usage())

    text = delta("text_delta", text="Hello there, how")
    feed, slow = begun(), begun(fast=False)
    print("\n| stream event → chunk | µs an event |\n|---|---|")
    for name, data, count, way in (
        ("text, one a read", text, 1, feed),
        ("text, Chinese", delta("text_delta", text="你好，世界"), 1, feed),
        ("text, 10 a read", text * 10, 10, feed),
        ("text, 100 a read", text * 100, 100, feed),
        ("text, without the pattern", text, 1, slow),
        ("tool input", delta("input_json_delta", partial_json='{"city": "Par'), 1, feed),
    ):
        cost = best(lambda data=data, way=way: way(data), max(100, 20_000 // count)) / count
        print(f"| {name} | {cost:.2f} |")
    print(f"| begin and end of a stream, together | {best(whole, 2000):.1f} |")


def replies() -> None:
    parsed = chat.parse(request("hi"), CATALOGUE, strict=False)
    body = jsonio.encode(
        {
            "id": "msg_1",
            "type": "message",
            "model": MODEL,
            "content": [{"type": "text", "text": (ENGLISH * 14)[:600]}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 100},
        }
    )
    cost = best(lambda: chat.reply(parsed, anthropic.read_reply(body), 1), 5000)
    print(f"\nA whole reply of 0.6 KB: {cost:.1f} µs.")


if __name__ == "__main__":
    requests()
    streams()
    replies()
