"""Where prompt-cache breakpoints may stand (protocol.md §2b, rule 33)."""

from collections.abc import Iterator

from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, blocks_of, child, objects, text_of

MAX_BREAKPOINTS = 4


def check(body: Json) -> None:
    """At most four breakpoints, and no hour after five minutes. Raises ApiError."""
    found = list(_breakpoints(body))
    automatic = child(body, "cache_control")
    count = len(found) + bool(automatic)
    if count > MAX_BREAKPOINTS:
        raise ApiError(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided."
            f" Found {count}."
        )
    if automatic:
        found.append(("cache_control", text_of(automatic, "ttl") or "5m"))
    short = False
    for path, ttl in found:
        if ttl == "1h" and short:
            raise refuse(
                f"{path}.ttl" if path == "cache_control" else f"{path}.cache_control.ttl",
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
                " Note that blocks are processed in the following order:"
                " `tools`, `system`, `messages`.",
            )
        short = short or ttl == "5m"


def _breakpoints(body: Json) -> Iterator[tuple[str, str]]:
    """Path and life of every explicit breakpoint, in the order of the prefix."""
    for index, tool in enumerate(objects(body.get("tools"))):
        yield from _of(tool, f"tools.{index}")
    for index, block in enumerate(blocks_of(body.get("system"))):
        yield from _of(block, f"system.{index}")
    for index, message in enumerate(objects(body.get("messages"))):
        for position, block in enumerate(blocks_of(message.get("content"))):
            path = f"messages.{index}.content.{position}"
            if block.get("type") == "tool_result":
                for inner, item in enumerate(blocks_of(block.get("content"))):
                    yield from _of(item, f"{path}.tool_result.content.{inner}")
            yield from _of(block, path)


def _of(block: Json, path: str) -> Iterator[tuple[str, str]]:
    control = child(block, "cache_control")
    if control:
        yield path, text_of(control, "ttl") or "5m"
