"""One account from plain values: right ones come back the same, wrong ones are told, never more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dragoman.auth.secret import Secret
from dragoman.config.accounts import Wrong, decode, settled
from dragoman.config.structs import AccountConfig
from dragoman.control.book import fields_of

names = st.sampled_from([*AccountConfig.__struct_fields__, "wieght"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(max_size=3), plain)


@given(st.dictionaries(names, values))
def test_nothing_but_mistakes_is_raised(fields: dict[str, Any]) -> None:
    try:
        account = decode({"name": "n", "provider": "simulator", **fields})
    except Wrong as wrong:
        assert wrong.mistakes
        assert all(one.path and one.message for one in wrong.mistakes)
    else:
        assert account.name


token = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)


@given(
    st.builds(
        AccountConfig,
        name=token, api_key=token.map(Secret), weight=st.floats(0.001, 100),
        priority=st.integers(-5, 5), models=st.lists(token, max_size=2).map(tuple),
        headers=st.dictionaries(st.just("x-a"), token.map(Secret)), drain=st.booleans(),
        proxy=st.sampled_from([None, Secret(""), Secret("http://u:p@h:1")]),
    )
)  # fmt: skip
def test_what_is_kept_of_an_account_makes_it_again(account: AccountConfig) -> None:
    fields = fields_of(account)
    assert decode(fields) == account
    assert "drain" not in fields or account.drain


def test_a_settled_account_knows_what_its_provider_implies() -> None:
    account = settled(decode({"name": "n", "api_key": "k", "base_url": None}))
    assert (account.base_url, account.models) == ("https://api.anthropic.com", ("claude-*",))
    assert settled(structs.replace(account, base_url="http://x/")).base_url == "http://x"


def test_mistakes_do_not_repeat_secrets() -> None:
    with pytest.raises(Wrong) as caught:
        decode({"name": "n", "api_key": ["canary"], "headers": {"x": {"canary": 1}}})
    assert "canary" not in str(caught.value)
