"""What we send upstream passes the simulator's rules.

The simulator checks requests by protocol.md §2b on its own, knowing nothing of translation.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.simulator.binding import Bond
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.thinking import Guard
from dragoman.simulator.thinking import Signer, Verdict
from dragoman.simulator.validate import Checker
from tests.dialects.generated import small_values
from tests.dialects.test_append_only import MODELS, Message, conversations, sent
from tests.dialects.test_parse_properties import bodies, outcome, places, put

GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
CHECKER = Checker(Catalogue(), True)
HEADERS = {"anthropic-version": "2023-06-01"}


class Trusting(Signer):
    """Believes every signature: those of golden files were made up."""

    def check(self, text: str, signature: str) -> Verdict:
        return Verdict(True, True, Bond(b"", b""))


GUARD = Guard(Trusting(""), "", False)


def refusal(body: dict[str, Any]) -> str:
    """Why the simulator refuses a body; empty if it does not."""
    try:
        CHECKER.creation(body, HEADERS, GUARD)
    except ApiError as error:
        return error.message
    return ""


UNKNOWN_MODELS = {"model-unknown-upstream", "peer-t17-tools-of-an-unknown-model"}
"""Cases whose model the simulator does not know either."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.parent.name)
        for path in sorted(GOLDEN.glob("*/upstream.json"))
        if path.parent.name not in UNKNOWN_MODELS
    ],
)
def test_golden_bodies(path: Path):
    assert refusal(jsonio.decode(path.read_bytes())) == ""


@given(st.sampled_from(MODELS), conversations())
@settings(max_examples=100)
def test_conversations(model: str, conversation: list[list[Message]]):
    messages = [message for turn in conversation for message in turn]
    assert refusal(sent(model, messages)) == ""


@given(bodies, small_values, st.data())
@settings(max_examples=400)
def test_whatever_is_accepted_here_is_accepted_there(body: bytes, new: object, draw: st.DataObject):
    """Any value in any place of a request: a 400 of ours, or a body upstream takes."""
    value = jsonio.decode(body)
    path = draw.draw(st.sampled_from(places(value)))
    found = outcome(jsonio.encode(put(value, path, new)))
    if isinstance(found, bytes):
        reason = refusal(jsonio.decode(found))
        # What is wrong inside a client's own schema is upstream's to say, with its path.
        assert reason == "" or "schema" in reason or reason.startswith("model:")
