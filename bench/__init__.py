"""The benchmark: ``python -m bench.run``, or ``make bench``.

A native fake upstream and a native load generator (``bench/native``, Go, no dependencies) share one
core; the gateway under test has another to itself. What a gateway costs is read from ``/proc`` at
the edges of each measured window. Rounds are interleaved, so that a ratio compares runs that are
seconds apart.

``scenarios`` says what is run; ``gateway``, ``nginx`` and ``litellm`` how each gateway is started;
``measure`` runs the rounds, ``figures`` makes numbers of them, ``limits`` judges those, ``report``
writes ``docs/benchmarks.md``. Linux only.
"""
