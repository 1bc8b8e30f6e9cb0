"""A secret shows itself only when asked."""

import msgspec
import pytest

from dragoman.auth.secret import Secret


def test_a_secret_does_not_print() -> None:
    secret = Secret("canary")
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r:>10}", f"{[secret]}"):
        assert "canary" not in text
        assert "***" in text
    assert secret.reveal() == "canary"
    assert "canary" not in repr(vars(type(secret)))


def test_a_secret_does_not_encode() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode({"key": Secret("canary")})


def test_secrets_compare() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("ü") != Secret("u")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_none() -> None:
    assert not Secret("")
    assert Secret("x")
