"""Credentials are recognised by their shape, whoever gave them out; other words stay."""

import pytest

from dragoman.observe.redaction import without_keys


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-abcdefghijklmno",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "ABSKQmVkcm9ja0FQSUtleS1leGFtcGxl",
        "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3M",
        "ya29.a0AfH6SMBx-example_token",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl",
    ],
)
def test_keys_are_hidden(key: str) -> None:
    assert without_keys(f"not {key}, no") == "not ***, no"


def test_an_arn_does_not_tell_whose_it_is() -> None:
    told = "on resource: arn:aws:bedrock:eu-west-1:123456789012:inference-profile/x"
    assert without_keys(told) == "on resource: arn:aws:bedrock:eu-west-1:***:inference-profile/x"


def test_other_words_stay() -> None:
    said = "max_tokens: 123456789012 > 64000 at 2026-11-20T10:00:00Z for eyJ and AKIA"
    assert without_keys(said) == said
