"""What is sent to Vertex AI, and where to (protocol.md §7): the hub's request, or a Messages
client's own bytes."""

from functools import lru_cache
from urllib.parse import quote

from dragoman.carriers import anthropic
from dragoman.carriers.anthropic.sending import beta_line
from dragoman.carriers.elsewhere_hosted import refuse_urls, without_model
from dragoman.carriers.passing import (
    KEPT_BY_ANTHROPIC,
    RUN_BY_ANTHROPIC,
    TOOL_SEARCH,
    UNKNOWN_ELSEWHERE,
    Cloud,
    Fitted,
    fit,
)
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.hub.request import Request
from dragoman.hub.wire import Wire

VERSION = "vertex-2023-10-16"
"""The ``anthropic_version`` of the body. A newer one is not known to be taken by every model."""
_MULTI_REGIONS = ("us", "eu")
_COUNT = "/count-tokens:rawPredict"
CLOUD = Cloud(
    frozenset(
        {
            "compact",
            "computer-use",
            "context-1m",
            "context-management",
            "interleaved-thinking",
            "per-turn-control",
            "thinking-binding-controls",
            "thinking-display-updates",
            "tool-search-tool",
            "web-search",
        }
    ),
    UNKNOWN_ELSEWHERE,
    KEPT_BY_ANTHROPIC,
    TOOL_SEARCH,
    first_party=False,
    fetches=False,
    runs_not=RUN_BY_ANTHROPIC,
)


def origin(location: str) -> str:
    """Scheme and host for a location: ``global``, ``us`` or ``eu``, or a region."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def publisher(project: str, location: str) -> str:
    """The path under which a project finds Anthropic's models."""
    return (
        f"/v1/projects/{quote(project, safe=':')}/locations/{quote(location, safe='')}"
        "/publishers/anthropic/models"
    )


def prepare(request: Request, wire_id: str, row: Model, betas: tuple[str, ...] = ()) -> Wire:
    """The upstream request (``registry.Prepare``), its path under :func:`publisher`.

    Raises ``unsupported_here`` for URLs of images.
    """
    refuse_urls(request)
    body = without_model(request, b'"anthropic_version":"%b",' % VERSION.encode(), stream=True)
    own = anthropic.betas(request, row)
    wanted = (*own, *[one for one in betas if one not in own])
    return Wire(_path(wire_id, streams=request.stream), body, beta_line(wanted))


def verbatim(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A Messages client's own bytes (``registry.Verbatim``).

    Raises ``unsupported_here`` for URLs of images and for fields that only Anthropic knows.
    """
    del row
    fitted = _fitted(body, betas, version)
    fitted.changes["model"] = None
    streams = bytes(fitted.members.get("stream", b"")) == b"true"
    sent = fitted.body(_OPENING)
    told = tuple(fitted.warnings)
    return Wire(_path(wire_id, streams=streams), sent, beta_line(fitted.betas), warnings=told)


def count(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A question for the length of a prompt (``registry.Count``): the model stays in the body."""
    del row
    fitted = _fitted(body, betas, version)
    fitted.changes["model"] = jsonio.quote(wire_id)
    return Wire(_COUNT, fitted.body(_OPENING), beta_line(fitted.betas))


_OPENING = b'"anthropic_version":"%b"' % VERSION.encode()


def _fitted(body: bytes, betas: tuple[str, ...], version: str) -> Fitted:
    fitted = fit(body, CLOUD, betas, version)
    if fitted.has("cache_control"):
        fitted.mark_last()
    return fitted


@lru_cache(maxsize=256)
def _path(wire_id: str, *, streams: bool) -> str:
    return f"/{quote(wire_id, safe='@')}:{'streamRawPredict' if streams else 'rawPredict'}"
