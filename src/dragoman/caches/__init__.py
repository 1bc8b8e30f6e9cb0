"""What upstream's prompt caches hold, conversation by conversation, known by hashes only.

Claude keeps the beginnings of prompts, per account and model, for five minutes or an hour, and
reads what a new request has in common with one of them (docs/caching.md). This room keeps a small
mirror of it: after every answer it notes which beginnings were marked and when they expire, and
with the next request of the conversation it says what should have been read, what was, and, where
that is less than the request before left behind, why.

``fingerprint`` turns a request into a row of hashes; ``mirror`` is what one account keeps of one
conversation for one model; ``verdict`` is what comes of comparing the two; ``memory`` holds all of
it, bounded; ``counts`` counts what came out. All of it is pure: time is passed in as ``mono()``
seconds.

``/metrics`` counts hits and misses by account. For the rest of the admin port:
``gateway.caches.counts.read()`` gives them by reason, per account, key and model (see
:class:`~dragoman.caches.counts.Counts`); ``len(gateway.caches)`` is the number of conversations
remembered and ``gateway.caches.bytes`` what they take, at most ``gateway.caches.max_bytes``.
:meth:`Caches.expect` forecasts what a request would read.
"""

from dragoman.caches.counts import Counts
from dragoman.caches.fingerprint import Fingerprint, fingerprint
from dragoman.caches.memory import Caches, Seen
from dragoman.caches.verdict import Kind, Reason, Verdict

__all__ = [
    "Caches",
    "Counts",
    "Fingerprint",
    "Kind",
    "Reason",
    "Seen",
    "Verdict",
    "fingerprint",
]
