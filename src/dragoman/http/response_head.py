"""A response's head as text, for the few answers of which anybody wants to know it.

llhttp has checked it by then; here it is only taken apart.
"""


def is_chunked(head: bytes) -> bool:
    """Whether the body is what llhttp, too, takes for chunked: it knows no tab at the end."""
    codings = [value for name, value in _lines(head) if name == "transfer-encoding"]
    return len(codings) == 1 and codings[0].rstrip(" ").lower() == "chunked"


def _lines(head: bytes) -> list[tuple[str, str]]:
    """Lower-case names, and values as they came but for white space before them."""
    lines: list[tuple[str, str]] = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        lines.append((name.lower(), value.lstrip(" \t")))
    return lines


def decoded(head: bytes) -> dict[str, str]:
    """Headers as text: lower-case names, values of repeated ones joined by ``", "``."""
    headers: dict[str, str] = {}
    for name, value in _lines(head):
        text = value.rstrip(" \t")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers
