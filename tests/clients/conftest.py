"""Real clients, unmodified: ``make test-clients``.

They come from npm (``package.json``, pinned) and are not part of ``make test``, which needs neither
Node nor a network: a file is run only where it is named.
"""

collect_ignore_glob = ["test_*.py"]
