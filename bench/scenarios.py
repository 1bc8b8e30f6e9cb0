"""What is run: one row a scenario, with the flags of the load generator.

They are explained in ``native/load/main.go``.
A slow gateway gets fewer connections where it would otherwise not finish; the report says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Flags = Mapping[str, str | int]

BODIES = {
    "body-1k": 1024,
    "body-30k": 30 * 1024,
    "body-300k": 300 * 1024,
    "body-3m": 3 * 1024 * 1024,
}
BURSTS = {"burst-100": 100, "burst-1000": 1000, "burst-10000": 10_000}
BODY_CONNECTIONS = 16
BURST_CONNECTIONS = 8
STREAMS = 1000
RATE = 50


@dataclass(frozen=True)
class Scenario:
    """One measurement of one gateway."""

    name: str
    flags: Flags
    from_s: float
    """When the measured window begins; 0: before the first connection."""
    time_s: float
    """Length of the measured window."""
    slow: Flags = field(default_factory=dict[str, str | int])
    """What is different for a gateway that is far slower than the others."""
    direct: bool = False
    """Also measured without a gateway."""
    least_s: float = 1.0
    """Below this no window is scaled."""
    awake: bool = False
    """Upstream and load generator never sleep: where they are kept busy by the fastest gateway, the
    slower ones shall not pay for waking them."""

    def resolve(self, *, slow: bool, scale: float) -> dict[str, str | int]:
        """Flags of the load generator, with the window scaled."""
        flags = {**self.flags, **(self.slow if slow else {})}
        time_s = self.time_s if self.from_s == 0 else max(self.least_s, self.time_s * scale)
        if flags.get("rate"):
            # A stream lasts from its opening, somewhere in the ramp, past the end of the window.
            flags["events"] = int((self.from_s + time_s + 0.2) * int(flags["rate"]))
        return {**flags, "from": f"{self.from_s}s", "time": f"{time_s}s"}


SCENARIOS = (
    # First, on a fresh process: later ones leave memory behind that new streams would use again.
    Scenario(
        "memory",
        {
            "mode": "streams",
            "conns": STREAMS,
            "ramp": "1s",
            "events": 10,
            "hold": 3000,
            "tail": "8s",
        },
        from_s=0,
        time_s=2.5,
        slow={"conns": 100, "hold": 6000, "tail": "15s"},
    ),
    Scenario("requests", {"conns": 64}, from_s=1, time_s=4, slow={"tail": "20s"}, awake=True),
    Scenario("single", {"conns": 1}, from_s=0.5, time_s=1.5, direct=True),
    *(
        Scenario(
            name,
            {"conns": BODY_CONNECTIONS, "body": size},
            from_s=0.5 if size < 10**6 else 1,
            time_s=2,
            slow={"conns": 4, "tail": "20s"},
            awake=True,
        )
        for name, size in BODIES.items()
    ),
    *(
        Scenario(
            name,
            {"conns": BURST_CONNECTIONS, "events": events},
            from_s=0.5,
            time_s=2,
            slow={"conns": 2, "tail": "25s"},
            awake=True,
        )
        for name, events in BURSTS.items()
    ),
    Scenario(
        "streams",
        {"mode": "streams", "conns": STREAMS, "ramp": "1s", "rate": RATE},
        from_s=2,
        time_s=8,
        slow={"conns": 20},
    ),
)

NAMES = tuple(s.name for s in SCENARIOS)
