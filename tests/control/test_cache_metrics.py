"""What the prompt caches did, as a scrape of the metrics shows it."""

from pathlib import Path

from tests.control.harness import administered
from tests.gateway.harness import accounts, reply
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

WRITTEN = {"input_tokens": 1, "cache_creation_input_tokens": 9000, "cache_read_input_tokens": 0}
PROMPT = [{"role": "user", "content": "A guest who asks twice is told twice. " * 500}]


async def test_hits_and_misses_by_reason(tmp_path: Path) -> None:
    answer = reply(usage={**WRITTEN, "output_tokens": 1})
    async with ScriptedUpstream([RECEIVE, answer] * 3) as upstream:
        async with administered(tmp_path, accounts=accounts(upstream.url)) as admin:
            for system in ("One.", "One.", "Two."):
                messages = [{"role": "system", "content": system}, *PROMPT]
                headers = {"x-conversation-id": "c"}
                assert (await admin.gateway.chat(headers, messages=messages)).status_code == 200
            text = (await admin.http.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("dragoman_cache_requests_total")]
    labels = 'dragoman_cache_requests_total{account="a",cache="%s",reason="%s"} 1.0'
    whys = [("written", "first_request"), ("miss", "unexplained"), ("miss", "system_changed")]
    assert sorted(lines) == sorted(labels % why for why in whys)
