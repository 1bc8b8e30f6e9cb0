"""The carriers there are: one line each, by provider.

A carrier is what an upstream account speaks. It is a bundle of pure functions: what a hub request
becomes on the wire, and what comes back as hub events, replies and failures. Who sends the bytes
(``attempts.py``) asks ``account.carrier`` and knows no protocol.

To add one: a module with these functions, a line in :data:`CARRIERS`, its addresses and credentials
where accounts are built (``build.py``), its golden folder.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Protocol

from msgspec import Struct, structs

from dragoman.allowance import Limit
from dragoman.carriers import anthropic, bedrock, foundry, openai, vertex
from dragoman.catalogue.model import Model
from dragoman.errors import Failure
from dragoman.hub.events import Event, Reply, UpstreamError
from dragoman.hub.request import Request
from dragoman.hub.wire import Wire

_ERROR = re.compile(b"error")


class Reader(Protocol):
    """Upstream bytes → hub events, for one stream.

    Laws, each a property test: any split of the bytes gives the same events; only
    :class:`Failure` is raised; what is held is bounded; without the protocol's own end
    :meth:`close` raises; what is unknown is passed over.
    """

    done: bool
    """Whether the stream's last event, its end or an error, has been read."""

    def feed(self, data: bytes) -> list[Event]:
        """Raises ``upstream_nonsense``. An error event ends the list; it is not raised."""
        ...

    def close(self) -> list[Event] | None:
        """The bytes are at their end: raises what broke, or ``upstream_truncated``.

        What was held back until then; ``done`` holds when it does not raise.
        """
        ...


class Prepare(Protocol):
    """A hub request → what is sent. The same request gives the same bytes.

    ``wire_id`` is the upstream's own id of the model, ``row`` what the catalogue knows of it,
    ``betas`` the values of ``anthropic-beta`` that a client named and that may be passed on. What
    the protocol cannot say raises Failure ``unsupported_value``; nothing is dropped that changes
    the meaning.
    """

    def __call__(
        self, request: Request, wire_id: str, row: Model, betas: tuple[str, ...]
    ) -> Wire: ...


class Verbatim(Struct, frozen=True, gc=False):
    """How a client's own bytes go up: for carriers whose wire is a dialect."""

    dialect: str
    """Name of that dialect."""
    prepare: Callable[[bytes, str, tuple[str, ...], str], Wire]
    """(the client's body, the upstream's id of the model if the body names another, allowed betas,
    the client's ``anthropic-version``) → what is sent."""
    alarm: re.Pattern[bytes] = _ERROR
    """Found in every event of a stream that may be an error."""
    hides: Callable[[bytes], bool] | None = None
    """Whether a framed event of the answer is there only because ``prepare`` asked for it."""


class Carrier(Struct, frozen=True, eq=False, gc=False):
    """What an upstream account speaks."""

    name: str
    prepare: Prepare
    reader: Callable[..., Reader]
    """Takes ``Wire.names`` where there are any, else nothing."""
    read_reply: Callable[..., Reply]
    """(body[, ``Wire.names``]) → the whole message. Raises Failure."""
    read_error: Callable[[int, dict[str, str], bytes], Failure]
    """(status, headers with lower-case names, body) of an answer that is not a 200."""
    stream_failure: Callable[[UpstreamError], Failure]
    about_thinking: Callable[[Failure], bool]
    """Whether a refusal is about thinking of earlier turns, so that it helps to leave it out."""
    ease: Callable[[Request, Failure], bool]
    """Leave it out of the hub request; whether that changed it."""
    limits: Callable[[bytes], dict[str, Limit]]
    """Response head → the account's rate limits, as far as it tells."""
    reset_s: Callable[[dict[str, Limit]], float | None]
    """Of these: seconds until what is used up is whole again."""
    spent: bytes
    """What a head holds when some limit is used up."""
    begins: tuple[bytes, ...]
    """How a stream begins; ``(b"",)`` where anything may come."""
    wire_id: Callable[[Model], str]
    """The id under which the catalogue knows a model at this carrier; empty: not offered."""
    verbatim: Verbatim | None = None
    counts: str = ""
    """Where it counts the tokens of a prompt that is sent verbatim; empty: nowhere."""


def _own_id(row: Model) -> str:
    return row.wire_id


def _mantle_id(row: Model) -> str:
    return row.clouds.bedrock_mantle


def _vertex_id(row: Model) -> str:
    return row.clouds.vertex


def _foundry_id(row: Model) -> str:
    return row.clouds.foundry


EVENT_STREAM = (b"event:", b"data:", b":", b"id:", b"retry:")
"""How a stream of server-sent events begins."""

ANTHROPIC = Carrier(
    "anthropic",
    anthropic.to_wire,
    anthropic.Reader,
    anthropic.read_reply,
    anthropic.read_error,
    anthropic.stream_failure,
    anthropic.about_thinking,
    anthropic.ease,
    anthropic.limits,
    anthropic.reset_s,
    anthropic.SPENT,
    EVENT_STREAM,
    _own_id,
    Verbatim("messages", anthropic.verbatim),
    "/v1/messages/count_tokens",
)

BEDROCK = structs.replace(
    ANTHROPIC,
    name="bedrock",
    prepare=bedrock.prepare,
    reader=bedrock.Reader,
    read_error=bedrock.read_error,
    stream_failure=bedrock.stream_failure,
    begins=(b"",),
    wire_id=bedrock.plain_id,
    verbatim=None,
)
BEDROCK_MESSAGES = structs.replace(ANTHROPIC, name="bedrock-messages", wire_id=_mantle_id)
"""Bedrock's endpoint for the plain Messages API, of accounts with ``bedrock_api: messages``."""
VERTEX = structs.replace(
    ANTHROPIC,
    name="vertex",
    prepare=vertex.prepare,
    read_error=vertex.read_error,
    wire_id=_vertex_id,
    verbatim=None,
)
FOUNDRY = structs.replace(
    ANTHROPIC, name="foundry", read_error=foundry.read_error, wire_id=_foundry_id
)


def _never(failure: Failure) -> bool:
    """Nothing that these servers refuse is about signed thinking: it is not sent to them."""
    del failure
    return False


def openai_carrier(style: openai.Style) -> Carrier:
    """What an account of an OpenAI-compatible server of one style speaks."""
    return Carrier(
        f"openai-{style.name}",
        partial(openai.prepare, style),
        openai.Reader,
        openai.read_reply,
        openai.read_error,
        openai.stream_failure,
        _never,
        lambda request, failure: False,
        openai.limits,
        openai.reset_s,
        openai.SPENT,
        EVENT_STREAM,
        _own_id,
        Verbatim("chat", openai.verbatim, openai.ALARM, openai.about_usage),
    )


OPENAI = {name: openai_carrier(style) for name, style in openai.STYLES.items()}
"""By style; an account's address or configuration chooses."""

CARRIERS: dict[str, Carrier] = {
    "anthropic": ANTHROPIC,
    "bedrock": BEDROCK,
    "foundry": FOUNDRY,
    "openai": OPENAI[openai.PLAIN.name],
    "simulator": ANTHROPIC,
    "vertex": VERTEX,
}
"""By provider. What is not here yet stands in ``config.pending.PROVIDERS_NOT_YET``."""
