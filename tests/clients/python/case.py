"""Runs one case of a program: named on the command line, its result printed as JSON.

The client's address and key come from the environment, under the names that the client itself
reads. ``SIMULATE`` holds directives for the simulator, sent with every request.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping

HAIKU = "claude-haiku-4-5"
THINKS = "claude-sonnet-5-5"
QUESTION = "What is a dragoman?"
MEETING = "We meet in Lisbon on 2026-12-04."
WEATHER = "What is the weather in Paris?"
LOOK = "What is in this picture?"
# 8 × 8 pixels, red.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP4"
    "z8CAFTEMLQkAKP8/wc53yE8AAAAASUVORK5CYII="
)
HEADERS = {"x-simulate": os.environ["SIMULATE"]} if os.environ.get("SIMULATE") else {}


def sky(city: str) -> str:
    """The weather in a city, as every program's tool tells it."""
    return f"sunny in {city}"


def main(cases: Mapping[str, Callable[[], object]]) -> None:
    """Run the case that the command line names."""
    print(json.dumps(cases[sys.argv[1]]()))
