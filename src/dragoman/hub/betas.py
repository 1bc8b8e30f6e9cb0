"""Values of ``anthropic-beta``: a name of something new in the API, and the day it came.

A client that is newer than this program says the same with a later day, so what is known of a beta
is known of its *family*, the name without the day.
"""

import re

_DATE = re.compile(r"-?20\d\d-?\d\d-?\d\d$")


def family(beta: str) -> str:
    """The name without its day."""
    return _DATE.sub("", beta)
