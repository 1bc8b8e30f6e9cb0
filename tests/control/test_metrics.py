"""Metrics: what a scrape says is what happened, in the format Prometheus reads."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from dragoman import __version__
from dragoman.catalogue.catalogue import Catalogue
from dragoman.control import metrics
from dragoman.control.dollars import decimal, saved
from dragoman.control.families import FAMILIES
from dragoman.hedges import ENOUGH, Class
from dragoman.observe.tally import Labels, Row, Times
from tests.control.harness import Admin, administered
from tests.docs_samples import ROOT
from tests.gateway.harness import MODEL, accounts, error, reply
from tests.scripted_upstream import FIN, RECEIVE, RST, UNTIL_CLOSED, ScriptedUpstream

USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 400,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 300},
    "output_tokens": 5,
}


async def scrape(admin: Admin) -> dict[str, Metric]:
    answer = await admin.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in found]
    assert len(names) == len(set(names)), "each family once, in one place"
    return {family.name: family for family in found}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The sum of a sample's values over all series that have these labels."""
    return sum(
        one.value
        for family in families.values()
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    )


async def test_a_scrape_says_what_happened(tmp_path: Path) -> None:
    overloaded = error(529, "overloaded_error", "Overloaded")
    async with ScriptedUpstream([RECEIVE, overloaded]) as bad:
        async with ScriptedUpstream([RECEIVE, reply(usage=USAGE)] * 9) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            async with administered(tmp_path, accounts=pool) as admin:
                for _ in range(3):
                    assert (await admin.gateway.chat()).status_code == 200
                assert (await admin.gateway.chat(model="gpt-4o")).status_code == 404
                refused = {"authorization": "Bearer nobody"}
                assert (await admin.gateway.chat(headers=refused)).status_code == 401
                await admin.gateway.ended(5)
                found = await scrape(admin)
    who = {"key": "tests", "model": MODEL, "account": "b"}
    requests = "dragoman_requests_total"
    assert value(found, requests) == 5
    assert value(found, requests, status="200", outcome="complete", **who) == 3
    assert value(found, requests, status="404", account="") == 1
    assert value(found, requests, status="401", key="", account="") == 1
    assert value(found, "dragoman_attempts_total", **who) == 4
    counts = {"input": 30, "cache_read": 3000, "cache_write": 1200, "output": 15}
    for name, count in counts.items():
        assert value(found, "dragoman_tokens_total", **who, **{"class": name}) == count
    # 1,000 nano-dollars of input; reading 100, writing 1,250 for five minutes, 2,000 for an hour.
    nano = 3 * (1000 * 900 - 100 * 250 - 300 * 1000)
    assert value(found, "dragoman_cache_saved_dollars", **who) == pytest.approx(nano / 1e9)
    duration = "dragoman_request_duration_seconds"
    assert value(found, f"{duration}_count", model=MODEL, account="b") == 3
    assert value(found, f"{duration}_bucket", model=MODEL, account="b", le="+Inf") == 3
    assert value(found, "dragoman_account_state", account="a", state="cooling") == 1
    assert value(found, "dragoman_account_state", account="a") == 1
    assert value(found, "dragoman_account_state", account="b", state="well") == 1
    failures = {"account": "a", "kind": "upstream_overloaded"}
    assert value(found, "dragoman_account_failures_total", **failures) == 1
    assert 0 < value(found, "dragoman_account_cool_seconds", account="a") < 60
    assert value(found, "dragoman_account_cool_seconds", account="b") == 0
    assert value(found, "dragoman_account_in_flight") == 0
    assert value(found, "dragoman_waiting_requests") == 0
    assert value(found, "dragoman_build_info", version=__version__) == 1
    assert value(found, "process_resident_memory_bytes") > 0


async def test_what_may_be_billed_twice_is_counted(tmp_path: Path) -> None:
    # "a" drops a request that it has taken, then is slow; "b" closes a connection that it had kept.
    slow: list[Any] = [[RECEIVE, RST], [RECEIVE, UNTIL_CLOSED]]
    kept: list[Any] = [[RECEIVE, reply(), RECEIVE, FIN], [RECEIVE, reply()] * 9]
    async with ScriptedUpstream(*slow) as first, ScriptedUpstream(*kept) as second:
        pool = accounts(first.url, second.url)
        pool[0]["priority"] = 1
        routing = {"hedging": True}
        async with administered(tmp_path, accounts=pool, routing=routing) as admin:
            found = await scrape(admin)
            assert value(found, "dragoman_hedges_total") == 0
            a = next(one for one in admin.gateway.app.pool.snapshot() if one.name == "a")
            for _ in range(2):
                assert (await admin.gateway.chat()).status_code == 200
            found = await scrape(admin)
            kind = {"kind": "upstream_reset"}
            assert value(found, "dragoman_account_ambiguous_total", account="a", **kind) == 1
            assert value(found, "dragoman_account_ambiguous_total") == 1
            assert value(found, "dragoman_account_resent_total", account="b") == 1
            assert value(found, "dragoman_account_resent_total", account="a") == 0
            a.cool_until = 0.0
            a.failures = 0
            hedges = admin.gateway.app.pool.hedges
            assert hedges is not None
            for _ in range(ENOUGH):
                hedges.took(Class("a", MODEL, stream=False), 0.01)
            hedges._chances = 1.0
            answer = await admin.gateway.chat()
            assert answer.headers["x-dragoman-account"] == "b"
            found = await scrape(admin)
            assert value(found, "dragoman_hedges_total") == 1
            assert value(found, "dragoman_hedges_won_total") == 1
            assert value(found, "dragoman_account_ambiguous_total") == 1


async def test_streams_have_a_time_to_the_first_byte(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        await admin.gateway.chat()
        await admin.gateway.chat(stream=True)
        await admin.gateway.ended(2)
        found = await scrape(admin)
        labels = {"model": MODEL, "account": "simulator"}
        assert value(found, "dragoman_request_duration_seconds_count", **labels) == 2
        assert value(found, "dragoman_time_to_first_byte_seconds_count", **labels) == 1
        left = {"account": "simulator", "limit": "requests"}
        assert value(found, "dragoman_account_limit_remaining", **left) > 0


async def test_running_and_waiting_requests_show(tmp_path: Path) -> None:
    pool = [{"name": "a", "provider": "simulator", "max_concurrency": 1}]
    async with administered(tmp_path, accounts=pool) as admin:
        slow = {"x-simulate": "stall"}
        tasks = [
            asyncio.get_running_loop().create_task(admin.gateway.chat(headers=slow))
            for _ in range(3)
        ]
        async with asyncio.timeout(10):
            while True:
                found = await scrape(admin)
                if value(found, "dragoman_waiting_requests") == 2:
                    break
        assert value(found, "dragoman_account_in_flight", account="a") == 1
        assert value(found, "dragoman_account_state", account="a", state="full") == 1
        assert (await admin.account("a"))["waiting"] == 2
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@given(st.integers(0, 30), st.integers(1, 10))
def test_a_family_in_slices_is_the_family(count: int, size: int) -> None:
    def family() -> Metric:
        made = CounterMetricFamily("c_total", "What # is counted.", labels=["name"])
        for number in range(count):
            made.add_metric([f'"{number}\n# '], number)
        return made

    class One(Collector):
        def collect(self) -> list[Metric]:
            return [family()]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(One())
    before, metrics.SLICE = metrics.SLICE, size
    try:
        parts = list(metrics._slices(family()))
    finally:
        metrics.SLICE = before
    assert b"".join(parts) == generate_latest(registry)
    assert len(parts) == max(1, -(-count // size))


@given(st.integers(-(10**15), 10**15))
def test_dollars_are_exact(nano: int) -> None:
    told = decimal(nano)
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", told)
    whole, _, rest = told.lstrip("-").partition(".")
    assert int(whole) * 10**9 + int(rest.ljust(9, "0") or 0) == abs(nano)


def test_long_prompts_are_saved_on_at_their_own_prices() -> None:
    row = Row(Times())
    row.cache_read = 1000
    catalogue = Catalogue()
    # Haiku 5.5: 100 nano-dollars a token of input, 10 read; 500 and 50 above 100,000 tokens.
    for above, nano in ((0, 90_000), (100_000, 450_000)):
        labels = Labels("k", "claude-haiku-5-5", "a", 200, "complete", above)
        assert saved(catalogue, labels, row) == nano
    assert saved(catalogue, labels._replace(model="no model"), row) == 0


@pytest.mark.parametrize("page", ["docs/admin.md", "docs/zh/admin.md"])
def test_the_page_lists_all_metrics(page: str) -> None:
    text = (ROOT / page).read_text()
    rows = re.findall(r"^\| `(dragoman_\w+)` \| (\w+) \| ([^|]*) \|", text, re.MULTILINE)
    listed = [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]
    assert listed == [(one.name, one.kind, one.labels) for one in FAMILIES]


async def test_a_bug_in_a_handler_is_answered_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with administered(tmp_path) as admin:
        monkeypatch.setattr(metrics, "_slices", cast("Any", SimpleNamespace()))
        answer = await admin.http.get("/metrics")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert [line["event"] for line in admin.gateway.lines.all] == ["crash"]
