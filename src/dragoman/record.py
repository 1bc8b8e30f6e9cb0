"""What became of one request: filled in along the way, read once at the end."""

from dragoman.errors import Blame, Failure, Outcome
from dragoman.hub.events import Event, MessageDelta, MessageStart, TextDelta
from dragoman.hub.usage import Usage


class Record:
    """The facts of a request that the log line (and later metrics and ledger) are made of.

    ``started`` and ``first_byte`` are ``mono()`` seconds; ``first_byte`` is 0 while nothing was
    sent.
    """

    __slots__ = (
        "account",
        "attempts",
        "conversation",
        "failure",
        "first_byte",
        "key",
        "model",
        "outcome",
        "request_id",
        "started",
        "status",
        "stream",
        "usage",
        "warnings",
    )

    def __init__(self, request_id: str, started: float) -> None:
        self.request_id = request_id
        self.started = started
        self.first_byte = 0.0
        self.key = ""
        self.model = ""
        self.account = ""
        self.attempts = 0
        self.conversation = ""
        self.stream = False
        self.status = 0
        self.outcome = Outcome.COMPLETE
        self.failure: Failure | None = None
        self.usage = Usage()
        self.warnings: list[tuple[str, str]] = []

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
