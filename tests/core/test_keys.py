"""Client keys: who is let in, and what is told to who is not."""

import ipaddress
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.auth import keyfile
from dragoman.auth.keys import KEY, Keys, digest, masked, new_key
from dragoman.errors import Failure
from dragoman.principal import Principal

SECRET = "sk-" + "a1B2" * 12


def keys(**fields: object) -> Keys:
    principal = Principal("ci", digest(SECRET))
    for field, value in fields.items():
        setattr(principal, field, value)
    return Keys({digest(SECRET): principal})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer  {SECRET} "},
        {"x-api-key": SECRET},
        {"x-api-key": SECRET, "authorization": "Bearer sk-other"},
    ],
)
def test_both_ways_of_sending_a_key(headers: dict[str, str]) -> None:
    assert keys().identify(headers, "127.0.0.1", 0.0).name == "ci"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Bearer {SECRET.swapcase()}"},
        {"x-api-key": "", "authorization": f"Bearer {SECRET}"},
    ],
)
def test_anything_else_is_a_401_in_words_that_clients_know(headers: dict[str, str]) -> None:
    with pytest.raises(Failure) as refused:
        keys().identify(headers, "127.0.0.1", 0.0)
    assert refused.value.status == 401
    assert refused.value.row.openai_code == "invalid_api_key"
    assert "Incorrect API key provided" in refused.value.message
    assert SECRET[:20] not in refused.value.message


@given(st.text())
def test_no_authorization_header_does_anything_but_401(value: str) -> None:
    with pytest.raises(Failure) as refused:
        keys().identify({"authorization": f"Bearer {value}"}, "127.0.0.1", 0.0)
    assert refused.value.kind == "unauthenticated"


def test_an_expired_key_is_a_401() -> None:
    expiring = keys(expires_at=100.0)
    assert expiring.identify({"x-api-key": SECRET}, "::1", 99.9).name == "ci"
    with pytest.raises(Failure, match="expired"):
        expiring.identify({"x-api-key": SECRET}, "::1", 100.0)


def test_a_key_may_be_bound_to_addresses() -> None:
    bound = keys(networks=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")))
    for peer in ("10.1.2.3", "::1", "::ffff:10.9.9.9"):
        assert bound.identify({"x-api-key": SECRET}, peer, 0.0).name == "ci"
    for peer in ("11.1.2.3", "::2", "", "not an address"):
        with pytest.raises(Failure) as refused:
            bound.identify({"x-api-key": SECRET}, peer, 0.0)
        assert (refused.value.status, refused.value.row.openai_code) == (403, "ip_not_allowed")


def test_a_key_may_be_bound_to_models() -> None:
    principal = Principal("k", b"0" * 32, models=["claude-haiku-*", "my-alias"])
    assert principal.may_use("claude-haiku-4-5")
    assert principal.may_use("my-alias")
    assert not principal.may_use("claude-opus-5-5")


def test_new_keys_have_the_promised_shape() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(KEY.fullmatch(key) for key in made)


def test_a_masked_key_gives_nothing_away() -> None:
    assert masked(SECRET) == "sk-a1…a1B2"
    assert masked("hunter2") == "sk-…"


def test_the_first_key_is_kept_as_a_hash(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert keyfile.read(folder) == []
    key, stored = keyfile.create(folder, "default")
    file = folder / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.read_text()
    assert keyfile.read(folder) == [stored]
    assert bytes.fromhex(stored.sha256) == digest(key)


def test_a_damaged_key_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(ValueError, match="truncated"):
        keyfile.read(tmp_path)
