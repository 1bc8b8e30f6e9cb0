"""What may stand in a log line about a failure: never a credential, never what a client said.

Details of failures come from upstream bodies and from exceptions, so they may hold anything.
Keys are recognised by their shape: ours, Anthropic's and the clouds'; an exception is told by its
type and its frames, without its message, which may quote the request.
"""

import re
import traceback

LONGEST_DETAIL = 500
_KEY = re.compile(
    r"\bsk-[A-Za-z0-9_-]{12,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\b(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=_-]{12,}"
    r"|(?<=:)\d{12}(?=:)"  # the account in an ARN
    r"|\bya29\.[A-Za-z0-9_.-]{12,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)


def without_keys(text: str) -> str:
    """``text`` with every key replaced by ``***``."""
    return _KEY.sub("***", text)


def redacted(text: str) -> str:
    """``text`` without keys, cut to :data:`LONGEST_DETAIL` characters."""
    return without_keys(text[: 4 * LONGEST_DETAIL])[:LONGEST_DETAIL]


def frames(error: BaseException) -> str:
    """Where an exception came from, and its type."""
    lines = traceback.format_tb(error.__traceback__)
    return f"{type(error).__name__}\n{''.join(lines[-8:])}"
