"""What is sent to ``POST /v1/messages``: the hub's request, which is modelled on it, or a client's
own bytes."""

from dragoman.carriers.anthropic.thinking import betas as needed
from dragoman.carriers.anthropic.unsigned import encoded, signed_bytes
from dragoman.catalogue.model import Model
from dragoman.codec import splice
from dragoman.hub.request import Request
from dragoman.hub.wire import Wire

PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"


def to_wire(request: Request, wire_id: str, row: Model, betas: tuple[str, ...] = ()) -> Wire:
    """The upstream request (``registry.Prepare``)."""
    if wire_id != request.model:
        given, request.model = request.model, wire_id
        body = encoded(request)
        request.model = given
    else:
        body = encoded(request)
    own = needed(request, row)
    if own or betas:
        return Wire(PATH, body, beta_line((*own, *[one for one in betas if one not in own])))
    return Wire(PATH, body)


def verbatim(
    body: bytes,
    wire_id: str,
    betas: tuple[str, ...],
    version: str = "",
    row: Model | None = None,
) -> Wire:
    """A client's own bytes (``registry.Verbatim``), but for thinking that nobody signed."""
    del row
    return Wire(PATH, splice.with_model(signed_bytes(body), wire_id), lines(betas, version))


def count(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A question for the length of a prompt (``registry.Count``)."""
    del row
    return Wire(COUNT_PATH, splice.with_model(signed_bytes(body), wire_id), lines(betas, version))


def lines(betas: tuple[str, ...], version: str) -> bytes:
    """What a client said in headers, as header lines."""
    headers = beta_line(betas)
    return headers + b"anthropic-version: %b\r\n" % version.encode() if version else headers


def beta_line(betas: tuple[str, ...]) -> bytes:
    """``anthropic-beta`` as a header line; nothing for none."""
    return b"anthropic-beta: %b\r\n" % ",".join(betas).encode("latin-1") if betas else b""
