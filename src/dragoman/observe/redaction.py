"""What may stand in a log line about a failure: never a credential, never what a client said.

Details of failures come from upstream bodies and from exceptions, so they may hold anything.
Keys are recognised by their shape, ours and Anthropic's; an exception is told by its type and
its frames, without its message, which may quote the request.
"""

import re
import traceback

LONGEST_DETAIL = 500
_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{12,}")


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
