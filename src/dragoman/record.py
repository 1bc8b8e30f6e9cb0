"""What became of one request: filled in along the way, read once at the end."""

from msgspec import Struct, field

from dragoman.errors import Blame, Failure, Outcome
from dragoman.hub.events import Event, MessageDelta, MessageStart, TextDelta
from dragoman.hub.usage import Usage


class Miss(Struct, frozen=True, omit_defaults=True):
    """An attempt that failed before anything reached the client."""

    account: str
    failure: str
    """Its kind."""
    ambiguous: bool = False
    """The request was sent and no answer came: upstream may have worked on it, and bill it."""


class Record(Struct):
    """The facts of a request that the log line, the metrics (and later the ledger) are made of.

    ``started``, ``first_byte`` and ``ended`` are ``mono()`` seconds; ``first_byte`` is 0 while
    nothing was sent.
    """

    request_id: str
    started: float
    first_byte: float = 0.0
    ended: float = 0.0
    key: str = ""
    model: str = ""
    account: str = ""
    attempts: int = 0
    conversation: str = ""
    stream: bool = False
    status: int = 0
    outcome: Outcome = Outcome.COMPLETE
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    warnings: list[tuple[str, str]] = []
    missed: tuple[Miss, ...] = ()
    """Attempts that failed, in their order; nearly always none."""
    ambiguous: int = 0
    """How many of them were ambiguous."""
    hedged: bool = False
    """A second account was asked as well, because the first took unusually long."""
    cache: str = ""
    """What became of the prompt cache; empty where the request had no cache marks."""
    cache_reason: str = ""

    def fail(self, failure: Failure) -> None:
        """Note the failure that ended the request, and the outcome it means."""
        self.failure = failure
        if failure.kind == "upstream_timeout":
            self.outcome = Outcome.DEADLINE
        elif failure.kind == "draining":
            self.outcome = Outcome.DRAINED
        elif failure.row.blame is not Blame.CLIENT:
            # A fault of our own counts here, too: what was asked for was not answered.
            self.outcome = Outcome.UPSTREAM_FAILED


def fold(usage: Usage, events: list[Event]) -> None:
    """Fold what one read of upstream events says about usage.

    The only place where a stream's usage is read.
    """
    for event in events:
        if event.__class__ is TextDelta:
            continue
        if isinstance(event, MessageStart | MessageDelta):
            usage.fold(event.usage)
