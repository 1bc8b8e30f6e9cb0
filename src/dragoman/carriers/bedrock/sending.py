"""What is sent to InvokeModel (protocol.md §7)."""

from urllib.parse import quote

from msgspec import UNSET

from dragoman.carriers import anthropic
from dragoman.carriers.elsewhere_hosted import refuse_urls, without_model
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.request import Request, Tool
from dragoman.hub.wire import Wire

VERSION = "bedrock-2023-05-31"
"""The ``anthropic_version`` of the body. A newer one is not known to be taken by every model."""


def prepare(request: Request, wire_id: str, row: Model, betas: tuple[str, ...] = ()) -> Wire:
    """The upstream request (``registry.Prepare``).

    Raises ``unsupported_here`` for URLs of images, and for a schema of the answer where Bedrock
    does not keep a model to one. ``wire_id`` may be an ARN.
    """
    refuse_urls(request)
    if not row.clouds.bedrock_structured_outputs:
        _refuse_schemas(request)
    opening = b'"anthropic_version":"%b",' % VERSION.encode()
    own = anthropic.betas(request, row)
    if own or betas:
        wanted = (*own, *[one for one in betas if one not in own])
        opening += b'"anthropic_beta":%b,' % jsonio.encode(wanted)
    action = "invoke-with-response-stream" if request.stream else "invoke"
    path = f"/model/{quote(wire_id, safe=':')}/{action}"
    return Wire(path, without_model(request, opening, stream=False))


def _refuse_schemas(request: Request) -> None:
    output = request.output_config
    if output is not UNSET and output.format is not UNSET:
        words = "No account that is available keeps this model to a JSON schema."
        raise Failure("unsupported_here", words, param="output_config.format")
    for at, tool in enumerate(request.tools or ()):
        if isinstance(tool, Tool) and tool.strict is True:
            words = "No account that is available keeps this model's calls to their schemas."
            raise Failure("unsupported_here", words, param=f"tools.{at}.strict")
