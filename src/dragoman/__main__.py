"""``python -m dragoman``, and the ``dragoman`` command.

While the program is loaded the garbage collector rests: what is loaded stays, and looking through
it again and again takes a tenth of the time until the first request is served.
"""

import gc

gc.disable()

from dragoman.cli.main import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    main()
