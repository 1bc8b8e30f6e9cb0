"""Real clients, unmodified: ``make test-clients``.

They come from npm (``package.json``, pinned) and are not part of ``make test``, which needs neither
Node nor a network.
"""

import os

if not os.environ.get("DRAGOMAN_CLIENTS"):
    collect_ignore_glob = ["test_*.py"]
