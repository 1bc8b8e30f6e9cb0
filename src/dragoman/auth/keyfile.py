"""The key made at the first start, kept as a hash in the data folder."""

import os
from pathlib import Path

from msgspec import Struct

from dragoman.auth.keys import digest, masked, new_key
from dragoman.codec import jsonio


class StoredKey(Struct):
    name: str
    sha256: str
    masked: str


class KeyFile(Struct):
    version: int
    keys: list[StoredKey]


_decoder = jsonio.Decoder(KeyFile)


def read(folder: Path) -> list[StoredKey]:
    """The stored keys; none when there is no file. Raises ValueError when the file is damaged."""
    path = folder / "keys.json"
    if not path.exists():
        return []
    try:
        return _decoder.decode(path.read_bytes()).keys
    except (jsonio.Malformed, jsonio.Mismatch) as error:
        raise ValueError(f"{path} is damaged: {error}; remove it to get a new key") from None


def create(folder: Path, name: str) -> tuple[str, StoredKey]:
    """Make a key, store its hash with permissions 0600, and give back its text, which exists
    nowhere else.
    """
    key = new_key()
    stored = StoredKey(name=name, sha256=digest(key).hex(), masked=masked(key))
    folder.mkdir(parents=True, exist_ok=True)
    path, fresh = folder / "keys.json", folder / "keys.json.new"
    content = jsonio.encode(KeyFile(version=1, keys=[*read(folder), stored]))
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return key, stored
