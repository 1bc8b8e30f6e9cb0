"""Requests to the clouds go where the official SDK sends them, with the same headers and body."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from anthropic import (
    AnthropicBedrock,
    AnthropicBedrockMantle,
    AnthropicFoundry,
    AnthropicVertex,
    AsyncAnthropic,
)

from tests import aws_frames
from tests.gateway.harness import KEY, reply, running
from tests.gateway.test_clouds import THOUGHTFUL, events, framed
from tests.scripted_upstream import RECEIVE, Request, ScriptedUpstream

ASKED: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hello."}],
}
HEADERS = ("authorization", "x-api-key", "api-key")


def bedrock(url: str) -> tuple[Any, str]:
    client = AnthropicBedrock(api_key="k", aws_region="eu-west-1", base_url=url, max_retries=0)
    return client, "eu.anthropic.claude-haiku-4-5-20251001-v1:0"


def mantle(url: str) -> tuple[Any, str]:
    client = AnthropicBedrockMantle(
        api_key="k", aws_region="eu-west-1", base_url=f"{url}/anthropic", max_retries=0
    )
    return client, "anthropic.claude-haiku-4-5"


def vertex(url: str) -> tuple[Any, str]:
    client = AnthropicVertex(
        access_token="k", region="global", project_id="p", base_url=f"{url}/v1", max_retries=0
    )
    return client, "claude-haiku-4-5@20251001"


def foundry(url: str) -> tuple[Any, str]:
    client = AnthropicFoundry(api_key="k", base_url=f"{url}/anthropic/", max_retries=0)
    return client, "claude-haiku-4-5"


ACCOUNTS: dict[str, dict[str, Any]] = {
    "bedrock": {"provider": "bedrock", "region": "eu-west-1"},
    "mantle": {
        "provider": "bedrock", "region": "eu-west-1", "bedrock_api": "messages",
        "path": "/anthropic",
    },
    "vertex": {"provider": "vertex", "region": "global", "project": "p"},
    "foundry": {"provider": "foundry", "path": "/anthropic"},
}  # fmt: skip
CLIENTS = {"bedrock": bedrock, "mantle": mantle, "vertex": vertex, "foundry": foundry}


@pytest.mark.parametrize("cloud", CLIENTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_same_request_as_the_sdk(tmp_path: Path, cloud: str, stream: bool):
    sent: list[Request] = []
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        client, model = CLIENTS[cloud](upstream.url)
        with client:
            create = client.messages.with_raw_response.create
            await asyncio.to_thread(create, **{**ASKED, "model": model}, stream=stream)
        sent += upstream.requests
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        fields = dict(ACCOUNTS[cloud])
        url = upstream.url + fields.pop("path", "")
        account = {"name": "cloud", "api_key": "k", "base_url": url, **fields}
        async with running(tmp_path, accounts=[account], caching="off") as gateway:
            await gateway.http.post(
                "/v1/messages",
                json={**ASKED, "stream": stream},
                headers={"anthropic-version": "2023-06-01"},
            )
        sent += upstream.requests
    theirs, ours = sent
    assert ours.target == theirs.target
    for name in HEADERS:
        assert ours.headers.get(name) == theirs.headers.get(name)
    body, expected = json.loads(ours.body), json.loads(theirs.body)
    if "anthropic_version" in body:
        # The SDK names a version of the API that not every model on the clouds is known to take.
        assert body.pop("anthropic_version").startswith(cloud)
        assert expected.pop("anthropic_version") == "2026-10-21"
    assert flat(body) == flat(expected)


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """A body with its texts as blocks, and without ``stream`` where it is false."""
    made = {name: value for name, value in body.items() if (name, value) != ("stream", False)}
    if isinstance(made["system"], str):
        made["system"] = [{"type": "text", "text": made["system"]}]
    made["messages"] = [
        {**one, "content": [{"type": "text", "text": one["content"]}]}
        if isinstance(one["content"], str) else one
        for one in made["messages"]
    ]  # fmt: skip
    return made


async def test_the_sdk_reads_what_bedrock_says(tmp_path: Path) -> None:
    """Frames that became events, with what Amazon adds to the last."""
    found = events(THOUGHTFUL, stop="tool_use")[:-1]
    metrics = {"inputTokenCount": 10, "invocationLatency": 3}
    last = {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}
    sent = framed(found, aws_frames.chunk(json.dumps(last).encode()))
    async with ScriptedUpstream([RECEIVE, sent]) as upstream:
        account = {"name": "cloud", "api_key": "k", "base_url": upstream.url, **ACCOUNTS["bedrock"]}
        async with (
            running(tmp_path, accounts=[account]) as gateway,
            AsyncAnthropic(base_url=gateway.base, api_key=KEY, max_retries=0) as client,
            client.messages.stream(**ASKED) as stream,
        ):
            told = await stream.get_final_message()
    thinking, text, *calls = [block.to_dict() for block in told.content]
    assert (thinking["type"], thinking["signature"]) == ("thinking", "c2lnbmVk")
    assert text["text"] == "I look."
    assert [one["input"] for one in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert (told.stop_reason, told.usage.output_tokens) == ("tool_use", 7)
    assert told.usage.cache_read_input_tokens == 100
