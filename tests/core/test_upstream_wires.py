"""What goes up is made for a carrier and a model id when an account first needs it, and once."""

from msgspec import Raw

from dragoman.account import Account
from dragoman.carriers.registry import OPENAI
from dragoman.catalogue.catalogue import Catalogue
from dragoman.errand import Upstream
from dragoman.errors import Failure
from dragoman.hub.request import Message, Request, Text
from dragoman.hub.wire import merged
from dragoman.upstream import Timeouts
from tests.core.test_affinity_and_routing import Nowhere

MODEL = "claude-haiku-4-5-20251001"


def asked() -> Upstream:
    request = Request(MODEL, 9, messages=[Message("user", [Text(Raw(b'"x"'))])])
    return Upstream(request, Catalogue().resolve(MODEL).model, "", Timeouts(5, 5))


def account(name: str, provider: str = "anthropic", known_as: str | None = None) -> Account:
    made = Account(name, provider, Nowhere(), b"")
    if known_as is not None:
        made.known_as = lambda row: known_as
    return made


def test_accounts_of_one_carrier_share_it() -> None:
    up = asked()
    first = up.wire_for(account("a"))
    assert up.wire_for(account("b")) is first
    other = up.wire_for(account("c", known_as="theirs"))
    assert b'"theirs"' in other.body and other.path == first.path
    assert up.wire_for(account("d", known_as="theirs")) is other
    chat = up.wire_for(account("e", "openai"))
    assert (chat.path, up.request.model) == ("/chat/completions", MODEL)


def test_a_changed_request_is_made_anew() -> None:
    up = asked()
    first, generation = up.wire_for(account("a")), up.generation
    up.request.max_tokens = 7
    up.change()
    assert up.generation != generation
    assert up.wire_for(account("a")) != first


def test_an_account_without_the_model_is_not_asked() -> None:
    try:
        asked().wire_for(account("a", known_as=""))
    except Failure as failure:
        assert failure.kind == "model_not_found" and failure.row.retry
    else:
        raise AssertionError("a model under no name")


def test_a_clients_bytes_go_to_who_speaks_its_dialect() -> None:
    up = asked()
    up.dialect, up.raw = "chat", b'{"model":"m", "messages":[],"x":1}'
    speaks, other = account("o", "openai"), account("a")
    assert (up.passes(speaks.carrier), up.passes(other.carrier)) == (True, False)
    assert up.wire_for(other).path == "/v1/messages"
    sent = up.wire_for(speaks).body
    assert sent == up.raw.replace(b'"m"', b'"claude-haiku-4-5-20251001"')
    up.forget()
    assert not up.passes(OPENAI["plain"])


def test_lines_of_a_request_replace_an_accounts_and_betas_add_up() -> None:
    own = b"x-api-key: k\r\nanthropic-beta: a\r\nanthropic-version: 1\r\n"
    more = b"anthropic-beta: b,c\r\nanthropic-version: 2\r\n"
    assert merged(own, more) == (
        b"x-api-key: k\r\nanthropic-beta: b,c,a\r\nanthropic-version: 2\r\n"
    )
    assert merged(b"x-a: 1\r\n", b"anthropic-beta: b\r\n") == (b"x-a: 1\r\nanthropic-beta: b\r\n")
