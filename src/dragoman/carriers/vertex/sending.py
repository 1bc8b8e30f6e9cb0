"""What is sent to Vertex AI, and where to (protocol.md §7)."""

from urllib.parse import quote

from dragoman.carriers import anthropic
from dragoman.carriers.anthropic.sending import beta_line
from dragoman.carriers.elsewhere_hosted import refuse_urls, without_model
from dragoman.catalogue.model import Model
from dragoman.hub.request import Request
from dragoman.hub.wire import Wire

VERSION = "vertex-2023-10-16"
"""The ``anthropic_version`` of the body. A newer one is not known to be taken by every model."""
_MULTI_REGIONS = ("us", "eu")


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
    action = "streamRawPredict" if request.stream else "rawPredict"
    own = anthropic.betas(request, row)
    wanted = (*own, *[one for one in betas if one not in own])
    return Wire(f"/{quote(wire_id, safe='@')}:{action}", body, beta_line(wanted))
