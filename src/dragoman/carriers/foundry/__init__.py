"""Microsoft Foundry as an upstream: Anthropic's Messages API at ``…/anthropic/v1/messages``.

Body, events and most errors are Anthropic's own; the model is the name of a deployment, which is
the model's id unless the account says otherwise (protocol.md §7). What Azure's front door refuses
is in its own words.
"""

from dragoman.carriers.foundry.errors import read_error
from dragoman.carriers.foundry.sending import CLOUD

__all__ = ["CLOUD", "read_error"]
