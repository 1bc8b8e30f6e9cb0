"""Claude as it is served at each place, for agents that are to do something.

Behind every door stands the same :class:`Claude`: the simulator judges the request as Anthropic
would (shape, betas, ids, signatures of thinking) and thinks, a script says what is called next.
The doors speak their cloud's wire, and refuse what the cloud refuses.
"""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dragoman.clock import SYSTEM
from dragoman.simulator.service import Incoming, Settings, Simulator
from tests import aws_frames
from tests.gateway.harness import LAST_CHUNK, STREAM_HEAD, event, response
from tests.gateway.test_clouds import KEYS, expected_signature
from tests.scripted_upstream import Connection, Request

TOKEN = "ya29.a-token"
AZURE_KEY = "f0undry"
ANTHROPIC_KEY = "sk-ant-secret-0"
REGION = "eu-west-1"
Message = dict[str, Any]
Answer = tuple[int, Message | list[Message]]
"""A status; an error or a whole message, or the events of a stream."""
Door = Callable[["Claude", Request], bytes]

AWS_BETAS = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "effort-2025-11-24",
        "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "tool-search-tool-2025-10-19",
    }
)
GOOGLE_BETAS = AWS_BETAS | {"per-turn-control-2026-07-01"} - {"effort-2025-11-24"}


class Claude:
    """``steps``: what is said after none, one, two … results of calls."""

    def __init__(self, steps: Sequence[Message]) -> None:
        self._steps = steps
        self._simulator = Simulator(SYSTEM, Settings(pace=0))
        self.asked: list[Message] = []
        """Bodies that were answered."""
        self.betas: list[str] = []
        """What their headers named."""
        self.patience: Callable[[], Awaitable[object]] | None = None
        """What is waited for before each answer."""
        self.refusals: list[tuple[int, str, str]] = []
        """(status, type, message) of the answers before the first that is none."""

    def say(self, body: Message, version: str, betas: str, path: str = "/v1/messages") -> Answer:
        if self.refusals:
            status, kind, message = self.refusals.pop(0)
            return status, {"type": "error", "error": {"type": kind, "message": message}}
        headers = {"x-api-key": "any", "anthropic-version": version, "anthropic-beta": betas}
        content = json.dumps(body).encode()
        judged = self._simulator.handle(Incoming("POST", path, "", headers, content, "claude"))
        if judged.status != 200 or judged.events is None:
            return judged.status, json.loads(judged.body)
        self.asked.append(body)
        self.betas.append(betas)
        return 200, self._events([_data(one) for one in judged.events])

    def _events(self, found: list[Message]) -> list[Message]:
        """The simulator's thinking, the script's next step."""
        thinking = {
            one["index"]
            for one in found
            if one["type"] == "content_block_start" and "thinking" in one["content_block"]["type"]
        }
        step = self._steps[min(_results(self.asked[-1]), len(self._steps) - 1)]
        calls = step["type"] == "tool_use"
        delta = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        end = next(one for one in found if one["type"] == "message_delta")
        return [
            found[0],
            *[one for one in found if one.get("index") in thinking],
            *_block(len(thinking), step),
            {"type": "message_delta", "delta": delta, "usage": end["usage"]},
            {"type": "message_stop"},
        ]


def _results(body: Message) -> int:
    blocks = [
        block
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    return sum(block["type"] == "tool_result" for block in blocks)


def _data(framed: bytes) -> Message:
    return json.loads(framed.partition(b"data: ")[2])


def _block(index: int, step: Message) -> list[Message]:
    if step["type"] == "text":
        start, delta = {**step, "text": ""}, {"type": "text_delta", "text": step["text"]}
    else:
        start = {**step, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(step["input"])}
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]


def call(number: int, tool: str, **arguments: Any) -> Message:
    """A step that calls a tool."""
    return {"type": "tool_use", "id": f"toolu_0{number}x", "name": tool, "input": arguments}


def serving(claude: Claude, door: Door) -> Callable[[Connection], Awaitable[None]]:
    """A step of a scripted upstream: every request of the connection is answered."""

    async def serve(connection: Connection) -> None:
        while True:
            request = await connection.receive()
            if claude.patience is not None:
                await claude.patience()
            await connection.send(door(claude, request))

    return serve


def _sse(events: list[Message]) -> bytes:
    sent = [event(one["type"], **{k: v for k, v in one.items() if k != "type"}) for one in events]
    return STREAM_HEAD + b"".join(sent) + LAST_CHUNK


def _plain(answer: Answer) -> bytes:
    status, said = answer
    return _sse(said) if isinstance(said, list) else response(status, json.dumps(said).encode())


def _first_party(claude: Claude, request: Request, body: Message) -> bytes:
    betas = request.headers.get("anthropic-beta", "")
    path = request.target[request.target.index("/v1/messages") :]
    return _plain(claude.say(body, request.headers["anthropic-version"], betas, path))


def anthropic(claude: Claude, request: Request) -> bytes:
    """Anthropic's own door."""
    assert request.headers["x-api-key"] == ANTHROPIC_KEY
    return _first_party(claude, request, json.loads(request.body))


def foundry(claude: Claude, request: Request) -> bytes:
    """Microsoft Foundry."""
    assert (request.headers["x-api-key"], request.headers["api-key"]) == (AZURE_KEY, AZURE_KEY)
    assert request.target.startswith("/anthropic/v1/messages")
    return _first_party(claude, request, json.loads(request.body))


def bedrock_messages(claude: Claude, request: Request) -> bytes:
    """Bedrock's newer endpoint."""
    signature = expected_signature(request, "bedrock-mantle", KEYS)
    assert request.headers["authorization"] == signature
    body = json.loads(request.body)
    body["model"] = body["model"].removeprefix("anthropic.")
    return _first_party(claude, request, body)


def bedrock(claude: Claude, request: Request) -> bytes:
    """Bedrock's InvokeModel: signatures as botocore makes them, event-stream frames."""
    if request.headers["authorization"] != expected_signature(request, "bedrock", KEYS):
        return _aws_error(403, "InvalidSignatureException", "The signature does not match.")
    _, _, model, action = request.target.split("/")
    body = json.loads(request.body)
    if action == "count-tokens":
        assert model.startswith("anthropic.")
        body = json.loads(b64decode(body["input"]["invokeModel"]["body"]))
        del body["max_tokens"]
    assert body.pop("anthropic_version") == "bedrock-2023-05-31"
    assert not {"model", "stream"} & body.keys()
    betas = body.pop("anthropic_beta", [])
    if set(betas) - AWS_BETAS:
        return _aws_error(400, "ValidationException", "invalid beta flag")
    assert model.startswith("eu.anthropic.") or action == "count-tokens"
    body["model"] = model.rpartition("anthropic.")[2].removesuffix("-v1:0")
    body |= {"stream": True} if action == "invoke-with-response-stream" else {}
    path = "/v1/messages" + ("/count_tokens" if action == "count-tokens" else "")
    status, said = claude.say(body, "2023-06-01", ",".join(betas), path)
    if isinstance(said, list):
        return _aws_stream(said)
    if status != 200:
        return _aws_error(*_AWS[status], said["error"]["message"])
    if action == "count-tokens":
        said = {"inputTokens": said["input_tokens"]}
    return response(200, json.dumps(said).encode())


_AWS = {
    400: (400, "ValidationException"),
    404: (404, "ResourceNotFoundException"),
    429: (429, "ThrottlingException"),
    529: (503, "ServiceUnavailableException"),
}


def _aws_error(status: int, name: str, message: str) -> bytes:
    body = json.dumps({"message": message}).encode()
    return response(status, body, f"x-amzn-errortype: {name}:http://internal.amazon.com/")


def _aws_stream(events: list[Message]) -> bytes:
    metrics = {"inputTokenCount": 1, "outputTokenCount": 1, "invocationLatency": 1}
    events = [*events[:-1], {**events[-1], "amazon-bedrock-invocationMetrics": metrics}]
    data = b"".join([aws_frames.chunk(json.dumps(one).encode()) for one in events])
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


def vertex(claude: Claude, request: Request) -> bytes:
    """Vertex AI."""
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    body = json.loads(request.body)
    assert body.pop("anthropic_version") == "vertex-2023-10-16"
    model, _, action = request.target.rpartition("/")[2].partition(":")
    path = "/v1/messages"
    if model == "count-tokens":
        path += "/count_tokens"
    else:
        assert "model" not in body
        body["model"] = model.replace("@", "-")
        assert body.get("stream", False) is (action == "streamRawPredict")
    betas = request.headers.get("anthropic-beta", "")
    if betas and set(betas.split(",")) - GOOGLE_BETAS:
        return _google_error(400, "INVALID_ARGUMENT", "invalid beta flag")
    status, said = claude.say(body, "2023-06-01", betas, path)
    if status in _GOOGLE and isinstance(said, dict):
        return _google_error(status, _GOOGLE[status], said["error"]["message"])
    return _plain((status, said))


_GOOGLE = {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def _google_error(status: int, name: str, message: str) -> bytes:
    error = {"code": status, "message": message, "status": name}
    return response(status, json.dumps({"error": error}).encode())
