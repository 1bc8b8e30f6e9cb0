"""F1: any bytes as a request's body.

Laws: nothing but a Failure of the client's own fault is raised, its ``param`` a path; reading is
deterministic; the short way reads what the long way reads; what is accepted becomes a body that is
JSON, that the ``anthropic`` SDK's types accept to the letter and the simulator's rules too.
"""

import json
import re

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.dialects.chat.forcing import LOST_THINKING
from dragoman.dialects.chat.parsed import Parsed
from dragoman.errors import Blame, Failure
from tests.dialects import test_usual_requests
from tests.dialects.oracles import check_parameters
from tests.dialects.test_simulator_accepts import refusal

CATALOGUE = Catalogue(today="2026-11-20")
PARAM = re.compile(r"(?:[A-Za-z_]\w*|\[\d*\])(?:\.\w+|\[\d*\]|\.\?+)*")
"""A path as clients know them: ``messages[1].content[0].text``."""
Outcome = Parsed | tuple[str, str, str | None]


def check(body: bytes) -> None:
    """Raises what is wrong."""
    found = read(body, strict=False)
    assert read(body, strict=False) == found, "not deterministic"
    strict = read(body, strict=True)
    warned = not isinstance(found, Parsed) or any(
        reason != LOST_THINKING for _, reason in found.warnings
    )
    assert isinstance(strict, Parsed) is not warned, "strict mode refuses what is not honoured"
    check_short_way(body)
    if isinstance(found, Parsed) and not found.media:  # what is to be fetched has no form yet
        check_upstream(anthropic.prepare(found.request))


def read(body: bytes, *, strict: bool) -> Outcome:
    try:
        return chat.parse(body, CATALOGUE, strict=strict)
    except Failure as failure:
        assert failure.row.blame is Blame.CLIENT
        assert 400 <= failure.status < 500
        assert jsonio.decode(chat.error_body(failure))["error"]["message"]
        if failure.param is not None:
            assert PARAM.fullmatch(failure.param) or failure.kind == "unknown_parameter", (
                failure.param
            )
        return failure.kind, failure.message, failure.param


def check_short_way(body: bytes) -> None:
    """``usual`` says what ``full`` says, or leaves it to it."""
    if jsonio.is_utf8(body):
        found = test_usual_requests.short(body)
        assert found is None or found == test_usual_requests.outcome(body)


def check_upstream(sent: bytes) -> None:
    """What goes upstream is what upstream takes."""
    body = json.loads(sent)  # whose floats end at infinity: a client's own 1e400 goes as it is
    check_parameters(body)
    reason = refusal(body)
    # What is wrong inside a client's own schema is upstream's to say, with its path.
    assert reason == "" or "schema" in reason or reason.startswith("model:"), reason
