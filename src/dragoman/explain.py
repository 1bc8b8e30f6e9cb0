"""What a request's prompt cache came to, for the client that asks (``x-dragoman-explain: 1``), for
the log line and for the counters.

A :class:`Watch` is made only for a request that has cache marks or asks to be explained. It looks
when the answer has begun: then upstream has said what it read and wrote, and the request is still
there to be hashed, while nothing has reached the client. Where upstream says it only at the end of
a stream, the request is hashed at the beginning and judged at the end.
"""

import math
from urllib.parse import quote

from msgspec import UNSET

from dragoman import caches
from dragoman.affinity import Identity
from dragoman.caches import Fingerprint, Reason, Seen, Verdict
from dragoman.caches.memory import Place
from dragoman.caches.mirror import Left
from dragoman.caches.verdict import off
from dragoman.dialects.chat import Parsed
from dragoman.gateway import Gateway
from dragoman.hub.request import Request, Text, ToolResult
from dragoman.hub.usage import Usage, WireUsage
from dragoman.record import Record

HEADER = "x-dragoman-explain"
_PLAIN = "._:@/-"
_BYTES_PER_TOKEN = 2


class Watch:
    """One request, watched."""

    __slots__ = (
        "_account",
        "_gw",
        "_identity",
        "_new",
        "_parsed",
        "_record",
        "asked",
        "sent",
        "verdict",
    )

    def __init__(self, gw: Gateway, record: Record, parsed: Parsed, identity: Identity) -> None:
        self._gw = gw
        self._record = record
        self._parsed = parsed
        self._identity = identity
        self._account = ""
        self._new: Fingerprint | None = None
        self.asked = False
        """The client wants the header."""
        self.sent = record.started
        """``mono()`` seconds."""
        self.verdict: Verdict | None = None

    def begun(self, account: str, said: WireUsage | None) -> None:
        """An account's answer has begun; ``said`` is what it said of usage so far.

        Of several choices the one that begins first counts.
        """
        if self._account:
            return
        self._account = account
        parsed = self._parsed
        if not parsed.marked:
            self.verdict = off(_unmarked(self._gw, parsed))
            return
        if said is None or (
            said.cache_read_input_tokens is None and said.cache_creation_input_tokens is None
        ):
            self._new = _fingerprint(parsed)
            return
        usage = Usage()
        usage.fold(said)
        if usage.cache_read or usage.cache_write:
            self._new = _fingerprint(parsed)
        self._conclude(usage, covered=parsed.request.cache_control is not UNSET)

    def answered(self, account: str, said: WireUsage) -> None:
        """An account's whole answer is there; of several choices the first counts."""
        if self._account:
            return
        self.begun(account, said)
        if self.verdict is None:
            usage = Usage()
            usage.fold(said)
            self.ended(usage)

    def ended(self, usage: Usage) -> None:
        """A stream is complete, with this usage."""
        if self.verdict is None:
            new = self._new
            whole = new is not None and bool(new.marks) and new.marks[-1].place == new.ends[-1] - 1
            self._conclude(usage, covered=whole)

    def _conclude(self, usage: Usage, *, covered: bool) -> None:
        """``covered``: a mark stands at the end of the prompt."""
        gw, record, model, new = self._gw, self._record, self._parsed.model, self._new
        self._new = None
        read, written = usage.cache_read, usage.cache_write
        if not read and not written:
            kept = covered and 0 < model.min_cache_tokens <= usage.input
            none = off("below_minimum" if model.min_cache_tokens else "no_cache")
            verdict = Verdict("miss", Reason("unexplained")) if kept else none
        elif new is None or not new.marks:
            verdict = Verdict("off", Reason("no_marks"), read, written)
        else:
            left = Left(read, written, self.sent, gw.clock.mono(), model.min_cache_tokens)
            place = Place(self._account, self._parsed.request.model)
            verdict = gw.caches.conclude(Seen(self._identity.hash, place, new, left))
        self.verdict = verdict
        gw.caches.counts.add(self._account, record.key, model.id, verdict)
        record.cache = verdict.outcome
        record.cache_reason = "" if verdict.reason is None else str(verdict.reason)

    def line(self) -> str:
        """The header's value, as far as it is known by now; docs/caching.md describes it."""
        gw, record, verdict = self._gw, self._record, self.verdict
        parts: list[str] = []
        exposed = gw.options.expose_routing
        if exposed and record.attempts:
            account = self._account or record.account
            parts += [f"account={account}", f"attempts={record.attempts}"]
        parts.append(f"source={self._identity.source}")
        if verdict is None:
            parts.append("cache=unknown")
            return "; ".join(parts)
        parts.append(f"cache={verdict.outcome}")
        if verdict.outcome != "off":
            parts.append(f"read={verdict.read}; written={verdict.written}")
            parts.append(f"expected={verdict.expected}")
        if verdict.expires:
            parts.append(f"expires={max(0, math.ceil(verdict.expires - gw.clock.mono()))}")
        reason = verdict.reason
        if reason is not None and reason.kind == "account_changed":
            if not exposed:
                reason = Reason("account_changed")
            parts.append(f"reason={reason}")
            parts.append(f"because={self._because(verdict)}")
        elif reason is not None:
            parts.append(f"reason={quote(str(reason), safe=_PLAIN)}")
        return "; ".join(parts)

    def _because(self, verdict: Verdict) -> str:
        """Why the account before was not the one, as things stand now."""
        now = self._gw.clock.mono()
        name = "" if verdict.reason is None else verdict.reason.detail
        for account in self._gw.pool.snapshot():
            if account.name != name:
                continue
            if account.draining:
                return "draining"
            if account.cool_until > now:
                return account.reason or "cooling"
            if account.lacks(self._parsed.request.model, now):
                return "without_model"
            return "full" if account.full else "moved"
        return "gone"


def _fingerprint(parsed: Parsed) -> Fingerprint:
    if parsed.later is not None:
        parsed.later.fill()
    return caches.fingerprint(parsed.request, parsed.origins, parsed.joins)


def _unmarked(gw: Gateway, parsed: Parsed) -> caches.Kind:
    """Why a request has no cache marks."""
    least = parsed.model.min_cache_tokens
    if not least:
        return "no_cache"
    short = _size(parsed.request) < least * _BYTES_PER_TOKEN
    return "below_minimum" if short and gw.options.caching == "auto" else "no_marks"


def _size(request: Request) -> int:
    """Bytes of a request's texts."""
    size = 0
    for text in request.system if request.system is not UNSET else ():
        size += len(text.text)
    for message in request.messages:
        for block in message.content:
            if isinstance(block, Text):
                size += len(block.text)
            elif isinstance(block, ToolResult) and block.content is not UNSET:
                size += sum(len(part.text) for part in block.content if isinstance(part, Text))
    return size
