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
from dragoman.carriers.anthropic.glance import glance
from dragoman.carriers.passing import Cloud, like_anthropic
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

    @property
    def plain(self) -> Callable[[bytes], bytes | None] | None:
        """The short way of a read that is one piece of text and nothing else: its JSON string.

        It gives ``None`` for any other read, of which it takes nothing. Text that comes this way is
        a :class:`TextDelta` to :meth:`feed`. Not every reader has one.
        """
        ...

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


class Framing(Reader, Protocol):
    """A reader of a stream that is framed in a way of the carrier's own."""

    def take(self) -> bytes:
        """The events read since the last time as the client's API frames them, each whole; an
        error is not among them."""
        ...


PrepareBytes = Callable[[bytes, str, tuple[str, ...], str, Model], Wire]
"""(the client's body, the upstream's id of the model, allowed betas, the client's
``anthropic-version``, what the catalogue knows of the model) → what is sent.

What the protocol cannot say at this carrier raises Failure ``unsupported_here``."""


class Count(Struct, frozen=True, gc=False):
    """How the tokens of a prompt are counted that is sent verbatim."""

    prepare: PrepareBytes
    read: Callable[[bytes], bytes | None]
    """What upstream answered → what Anthropic would have; ``None``: it is no count."""
    certain: bool = True
    """Whether whoever serves a model counts for it, too, by the same permission."""


class Verbatim(Struct, frozen=True, gc=False):
    """How a client's own bytes go up: for carriers whose wire is a dialect."""

    dialect: str
    """Name of that dialect."""
    prepare: PrepareBytes
    alarm: re.Pattern[bytes] = _ERROR
    """Found in every event of a stream that may be an error."""
    hides: Callable[[bytes], bool] | None = None
    """Whether a framed event of the answer is there only because ``prepare`` asked for it."""
    names_model: bool = True
    """Whether the model stands in the body; its id is empty then where the body has it already."""
    framing: Callable[[], Framing] | None = None
    """Reads streams that are not framed as the client's API frames them."""
    count: Count | None = None
    """Where there is nobody who counts, a prompt's length is estimated."""


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
    glance: Callable[[bytes], Reply] | None = None
    """``read_reply`` for a body that goes to the client as it came: the blocks may be left out."""


def _own_id(row: Model) -> str:
    return row.wire_id


def _mantle_id(row: Model) -> str:
    return row.clouds.bedrock_mantle


def _vertex_id(row: Model) -> str:
    return row.clouds.vertex


def _foundry_id(row: Model) -> str:
    return row.clouds.foundry


def _like_anthropic(cloud: Cloud) -> Verbatim:
    counted = Count(
        like_anthropic(cloud, anthropic.COUNT_PATH), anthropic.read_count, certain=False
    )
    return Verbatim("messages", like_anthropic(cloud), count=counted)


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
    Verbatim("messages", anthropic.verbatim, count=Count(anthropic.count, anthropic.read_count)),
    glance=glance,
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
    verbatim=Verbatim(
        "messages",
        bedrock.verbatim,
        names_model=False,
        framing=bedrock.Framing,
        count=Count(bedrock.count, bedrock.read_count, certain=False),
    ),
)
BEDROCK_MESSAGES = structs.replace(
    ANTHROPIC,
    name="bedrock-messages",
    wire_id=_mantle_id,
    verbatim=_like_anthropic(bedrock.MESSAGES),
)
"""Bedrock's endpoint for the plain Messages API, of accounts with ``bedrock_api: messages``."""
VERTEX = structs.replace(
    ANTHROPIC,
    name="vertex",
    prepare=vertex.prepare,
    read_error=vertex.read_error,
    wire_id=_vertex_id,
    verbatim=Verbatim(
        "messages",
        vertex.verbatim,
        names_model=False,
        count=Count(vertex.count, anthropic.read_count, certain=False),
    ),
)
FOUNDRY = structs.replace(
    ANTHROPIC,
    name="foundry",
    read_error=foundry.read_error,
    wire_id=_foundry_id,
    verbatim=_like_anthropic(foundry.CLOUD),
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
