"""``GET /v1/models`` and ``GET /v1/models/{id}``, as the SDK's ``types/model_info.py`` describes
them."""

from urllib.parse import parse_qs

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.listing import anthropic_model
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.simulator.problem import ApiError

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 1000
_NOT_OFFERED = frozenset(".@:/")
"""Characters of names that only other clouds and other gateways use."""


def find_model(catalogue: Catalogue, name: str) -> Model:
    """The model of that name, retired ones included. Raises ApiError (404, ``model: <name>``)."""
    try:
        row = catalogue.resolve(name).model
    except Failure:
        row = None
    if row is None or not row.known or not _NOT_OFFERED.isdisjoint(name):
        raise ApiError(f"model: {name}", status=404)
    return row


def one_model(catalogue: Catalogue, name: str) -> bytes:
    """The body of ``GET /v1/models/{id}``. Raises ApiError (404)."""
    return jsonio.encode(anthropic_model(find_model(catalogue, name)))


def list_models(catalogue: Catalogue, query: str) -> bytes:
    """The body of ``GET /v1/models``, newest first, by pages. Raises ApiError (400)."""
    asked = {key: values[-1] for key, values in parse_qs(query[:2048]).items()}
    limit = _limit(asked.get("limit"))
    rows = [row for row in catalogue.listed() if row.retired is None]
    ids = [row.id for row in rows]
    start, end = 0, len(rows)
    if "after_id" in asked and asked["after_id"] in ids:
        start = ids.index(asked["after_id"]) + 1
        end = min(end, start + limit)
    elif "before_id" in asked and asked["before_id"] in ids:
        end = ids.index(asked["before_id"])
        start = max(0, end - limit)
    else:
        end = min(end, limit)
    more = start > 0 if "before_id" in asked else end < len(rows)
    page = rows[start:end]
    return jsonio.encode(
        {
            "data": [anthropic_model(row) for row in page],
            "has_more": more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MAX_LIMIT:
        raise ApiError(f"limit: Input should be an integer from 1 to {_MAX_LIMIT}")
    return int(text)
