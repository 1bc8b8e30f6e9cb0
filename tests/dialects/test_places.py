"""Any path of upstream's becomes a path in the client's own request."""

import re
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure

GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
CATALOGUE = Catalogue()


def bodies() -> list[bytes]:
    found = [jsonio.compact(path.read_bytes()) for path in sorted(GOLDEN.glob("*/request.json"))]
    return [body for body in found if read(body) is not None]


def read(body: bytes) -> chat.Parsed | None:
    try:
        return chat.parse(body, CATALOGUE, strict=False)
    except Failure:
        return None


BODIES = bodies()
STEPS = re.compile(r"([a-z_]+)|\[(\d+)\]")
small = st.integers(0, 9)
inside = st.sampled_from(["", ".text", ".input", ".name", ".id", ".tool_use_id", ".content.0.text"])
paths = st.one_of(
    st.builds("messages.{}".format, small),
    st.builds("messages.{}.content.{}{}".format, small, small, inside),
    st.builds("tools.{}.custom.{}".format, small, st.sampled_from(["name", "input_schema.type"])),
)


def held(value: Any, path: str) -> bool:
    """Whether the client's request holds the path, or what could stand there."""
    steps = STEPS.findall(path)
    for at, (name, number) in enumerate(steps):
        last = at == len(steps) - 1
        if name:
            if not isinstance(value, dict) or (name not in value and not last):
                return False
            value = value.get(name)
        elif not isinstance(value, list) or int(number) >= len(value):
            return False
        else:
            value = value[int(number)]
    return True


@given(st.sampled_from(BODIES), paths)
@settings(max_examples=500)
def test_the_client_sent_what_is_named(body: bytes, path: str) -> None:
    parsed = read(body)
    assert parsed is not None
    tools = parsed.request.tools or ()
    # Upstream never speaks of a tool that is not there.
    assume(not path.startswith("tools") or int(path.split(".")[1]) < len(tools))
    told = chat.localize(Failure("upstream_rejected", "bad", param=path), parsed)
    assert told.param is not None
    assert held(jsonio.decode(body), told.param), told.param
