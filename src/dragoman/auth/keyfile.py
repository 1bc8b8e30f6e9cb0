"""Keys made at the first start, kept as hashes in the data folder: that of a client in
``keys.json``, that of the admin API in ``admin-key.json``."""

from pathlib import Path

from msgspec import Struct

from dragoman.auth.keys import digest, masked, new_key
from dragoman.auth.privatefile import replace
from dragoman.codec import jsonio


class StoredKey(Struct):
    name: str
    sha256: str
    masked: str


class KeyFile(Struct):
    version: int
    keys: list[StoredKey]


_decoder = jsonio.Decoder(KeyFile)
CLIENTS = "keys.json"
ADMIN = "admin-key.json"
ADMIN_PREFIX = "sk-admin-"
"""How an admin key that is made begins, so that nobody takes it for a client's."""


def read(folder: Path, file: str = CLIENTS) -> list[StoredKey]:
    """The stored keys; none when there is no file.

    Raises ValueError when the file is damaged or may not be read.
    """
    path = folder / file
    try:
        return _decoder.decode(path.read_bytes()).keys
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (jsonio.Malformed, jsonio.Mismatch) as error:
        raise ValueError(f"{path} is damaged: {error}; remove it to get a new key") from None


def create(folder: Path, name: str, file: str = CLIENTS) -> tuple[str, StoredKey]:
    """Make a key, store its hash with permissions 0600, and give back its text, which exists
    nowhere else.
    """
    key = new_key(ADMIN_PREFIX if file == ADMIN else "sk-")
    stored = StoredKey(name=name, sha256=digest(key).hex(), masked=masked(key))
    content = jsonio.encode(KeyFile(version=1, keys=[*read(folder, file), stored]))
    replace(folder / file, content)
    return key, stored


def forget(folder: Path) -> None:
    """Remove the client key that was made at this start."""
    (folder / CLIENTS).unlink(missing_ok=True)
