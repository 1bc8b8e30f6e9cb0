"""The limits this project has set itself, and whether a run met them."""

from dataclasses import dataclass

from bench import pairs
from bench.figures import Figures, Spread
from bench.scenarios import RATE, STREAMS

OURS = "dragoman"
BOUND = "nginx"
OTHER = "litellm"


@dataclass(frozen=True)
class Limit:
    """A figure, what it may be at most, and what was measured."""

    text: str
    measured: Spread | None
    most: float
    stretch: float | None = None
    unit: str = ""
    below: bool = False
    """Must stay below ``most``, not just reach it."""

    @property
    def bound(self) -> str:
        """What is asked, for a reader."""
        sign = "<" if self.below else "≤"
        text = f"{sign} {self.most:g}{self.unit}"
        return text if self.stretch is None else f"{text}, stretch {self.stretch:g}{self.unit}"

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        value = self.measured.median
        if self.stretch is not None and value <= self.stretch:
            return "met, stretch too"
        return (
            "met" if value < self.most or (value == self.most and not self.below) else "**not met**"
        )


def limits(f: Figures) -> list[Limit]:
    """In the order of the report."""
    whole = f.of("streams.complete", OURS)
    broken = Spread(100 - whole.median, 100 - whole.high, 100 - whole.low) if whole else None
    nginx, other = " × nginx", " × LiteLLM"
    streams = f"{STREAMS:,} streams at {RATE} events/s"
    return [
        Limit(
            "CPU a request, 1 KB, 64 connections",
            f.ratio("requests.cpu_us", OURS, BOUND),
            3,
            2,
            nginx,
        ),
        Limit("CPU of each further KB of body", f.worst_kb(OURS), 3, 1, " µs"),
        Limit(
            "… and linear: a KB between 300 KB and 3 MB against one between 30 and 300",
            f.growth("body-3m.kb_us", "body-300k.kb_us", OURS),
            1.5,
            None,
            " ×",
        ),
        Limit(
            "added latency at one connection, p50",
            f.ratio("single.added_us", OURS, BOUND),
            2,
            None,
            nginx,
        ),
        Limit(f"CPU an event, {streams}", f.ratio("streams.cpu_us", OURS, BOUND), 1.5, 1.2, nginx),
        Limit(f"{streams}: not delivered whole", broken, 0, None, " %"),
        Limit(
            "p99 lateness of an event there",
            f.ratio("streams.late_p99_us", OURS, BOUND),
            5,
            2.5,
            nginx,
        ),
        Limit(
            "long streams stay linear: an event of 10,000 against one of 1,000, in bursts",
            f.growth("burst-10000.cpu_us", "burst-1000.cpu_us", OURS),
            1.5,
            None,
            " ×",
        ),
        Limit(
            "CPU a request, messages → anthropic against chat → anthropic",
            f.ratio("pair.cpu_us", "messages → anthropic", pairs.BASE),
            1,
            None,
            " ×",
        ),
        Limit("memory of an open stream", f.of("memory.stream_kb", OURS), 20, None, " KiB"),
        Limit("memory idle", f.of("memory.idle_mb", OURS), 80, None, " MiB"),
        Limit("first request served after start", f.of("start.s", OURS), 0.7, None, " s"),
        Limit(
            "CPU a request against LiteLLM",
            f.ratio("requests.cpu_us", OURS, OTHER),
            1,
            None,
            other,
            below=True,
        ),
        Limit(
            "CPU an event against LiteLLM",
            f.ratio("streams.cpu_us", OURS, OTHER),
            1,
            None,
            other,
            below=True,
        ),
    ]
