"""Every limit of the listening side, with its unit and its default.

One rule for slow senders and one for slow readers, checked by the server's periodic sweep and not
by a timer a connection, so each time-out is exact to ``sweep_interval_s``:

- A request's body must be complete ``body_grace_s + bytes received so far / min_body_bytes_per_s``
  after its head. Whoever sends at that rate is never cut off, whoever sends slower is.
- A client that accepts not one byte of what waits for it for ``write_timeout_s`` has left.
"""

import msgspec


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one server; one frozen value, shared by all its connections."""

    max_head_bytes: int = 32_768
    """Request line and headers together; more is a 431."""
    max_headers: int = 100
    """Header lines; more is a 431."""
    max_target_bytes: int = 8_192
    """Path and query; more is a 414."""
    max_body_bytes: int = 33_554_432
    """Counted as sent and again after decompression; more is a 413."""
    head_timeout_s: float = 10.0
    """From the first byte of a request (on a new connection: from its acceptance) to the end of its
    head."""
    body_grace_s: float = 10.0
    """What a body may take beside its share of ``min_body_bytes_per_s``."""
    min_body_bytes_per_s: int = 1_024
    keepalive_timeout_s: float = 75.0
    """How long a connection may wait for its next request."""
    write_timeout_s: float = 60.0
    """How long a client may accept nothing of what waits for it."""
    linger_timeout_s: float = 5.0
    """After a refusal: how long what the client still sends is read and thrown away, so that the
    refusal reaches it instead of a reset."""
    max_skipped_bytes: int = 262_144
    """An unread rest of a body up to this size is skipped to keep the connection, a longer one
    closes it."""
    max_buffered_write_bytes: int = 65_536
    """What may wait for one client before ``Call.paused`` is set."""
    max_pipelined_bytes: int = 65_536
    """What may arrive ahead of the current answer before reading stops."""
    max_connections_per_ip: int = 0
    """More are answered 429 and closed; 0: no limit."""
    sweep_interval_s: float = 0.5
