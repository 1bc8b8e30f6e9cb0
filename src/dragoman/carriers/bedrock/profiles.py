"""Which id a model has in a region of AWS (protocol.md §1c).

Newer models are not served under their own id but through *inference profiles*, which spread
requests over the regions of a part of the world: ``eu.anthropic.claude-…``. Which profiles a model
has stands in its catalogue row; which of them a region may use is a matter of geography.
"""

from dragoman.catalogue.model import Model

_BY_REGION = (
    ("us-gov-", ("us-gov",)),
    ("us-", ("us",)),
    ("ca-", ("us",)),
    ("eu-", ("eu",)),
    ("ap-northeast-1", ("jp", "apac")),
    ("ap-northeast-3", ("jp", "apac")),
    ("ap-southeast-2", ("au", "apac")),
    ("ap-southeast-4", ("au", "apac")),
    ("ap-", ("apac",)),
)
"""Beginnings of region names → profiles that keep requests nearby, best first."""
_EVERYWHERE = "global"
PLAIN = "none"
"""As a profile's name: the id as it stands, for models and endpoints that have no profile."""


def model_id(row: Model, region: str, profile: str = "") -> str:
    """The id for requests from a region; ``profile`` names one instead of the nearest.

    Empty where the catalogue does not know the model on Bedrock.
    """
    plain = row.clouds.bedrock
    if not plain or profile == PLAIN:
        return plain
    if profile:
        return f"{profile}.{plain}"
    offered = row.clouds.bedrock_profiles
    for prefix in (*_near(region), _EVERYWHERE):
        if prefix in offered:
            return f"{prefix}.{plain}"
    return plain


def plain_id(row: Model) -> str:
    """The id without a profile."""
    return row.clouds.bedrock


def _near(region: str) -> tuple[str, ...]:
    for beginning, profiles in _BY_REGION:
        if region.startswith(beginning):
            return profiles
    return ()
