"""Real clients, unmodified: ``make test-clients``.

They come from npm (``package.json``), PyPI (``python/requirements.in``) and the Go module proxy
(``go/go.mod``), all pinned, and are not part of ``make test``, which needs no network once it is
set up. ``programs.py`` runs the programs that use them, ``upstream.py`` is what stands behind the
gateway where a test says what upstream answers, ``test_page.py`` runs the samples of
docs/clients.md.
"""

import os

if not os.environ.get("DRAGOMAN_CLIENTS"):
    collect_ignore_glob = ["test_*.py"]
