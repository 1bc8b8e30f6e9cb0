package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"bench/wire"
)

const model = "claude-haiku-4-5-20251001"

// slot stands in a template where the request's id goes.
const slot = "\x00\x00\x00\x00"

// dialect is one API's answers, prepared as far as possible.
type dialect struct {
	headers string // of every answer, beside those of the body
	before  []byte // of a stream: chunks up to the first delta
	prefix  []byte // of a delta's event: what stands before the text
	suffix  []byte // and behind it
	after   []byte // of a stream: chunks behind the last delta
	counted []byte // the same for a request that asks for usage in the stream; nil where nobody has to ask
	framed  bool   // deltas stand in frames (frame.go) instead of lines
	stream  string // media type of a stream, "" for server-sent events
	whole   func(text string, size int) string
	replies map[int]template
}

// template is an answer with places for the request's id.
type template struct {
	text  []byte
	slots []int
}

func newTemplate(text string) template {
	t := template{text: []byte(text)}
	for at := 0; ; {
		next := bytes.Index(t.text[at:], []byte(slot))
		if next < 0 {
			return t
		}
		t.slots = append(t.slots, at+next)
		at += next + len(slot)
	}
}

// reply is a whole answer that is not streamed. It is valid until the next one of the same size.
func (d *dialect) reply(order wire.Order) []byte {
	t, ok := d.replies[order.Reply]
	if !ok {
		text := string(wire.Quote(strings.Replace(wire.Reply("0000", order.Reply), "0000", "\x01", 1)))
		body := d.whole(strings.Replace(text, `\u0001`, slot, 1), order.Reply)
		t = newTemplate(fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			d.headers, len(body), body))
		d.replies[order.Reply] = t
	}
	for _, at := range t.slots {
		copy(t.text[at:], order.ID)
	}
	return t.text
}

// head is what a streamed answer starts with.
func (d *dialect) head() string {
	kind := d.stream
	if kind == "" {
		kind = "text/event-stream; charset=utf-8"
	}
	return "HTTP/1.1 200 OK\r\n" + d.headers +
		"Content-Type: " + kind + "\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
}

func chunks(events ...string) []byte {
	var out []byte
	for _, event := range events {
		out = wire.AppendChunk(out, []byte(event))
	}
	return out
}

func now() string { return time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

func soon() string { return time.Now().UTC().Add(time.Hour).Format(time.RFC3339) }

// What a stream of Anthropic's holds around its deltas, whatever carries it.
var (
	opening = []string{
		`{"type":"message_start","message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message",` +
			`"role":"assistant","model":"` + model + `","content":[],"stop_reason":null,"stop_sequence":null,` +
			`"usage":{"input_tokens":240,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,` +
			`"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},` +
			`"output_tokens":1,"service_tier":"standard"}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type": "ping"}`,
	}
	closing = []string{
		`{"type":"content_block_stop","index":0}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},` +
			`"usage":{"input_tokens":240,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":512}}`,
		`{"type":"message_stop"}`,
	}
)

const (
	deltaPrefix = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"`
	deltaSuffix = `"}}`
)

// lines are Anthropic's events as server-sent events.
func lines(events []string) []string {
	var out []string
	for _, event := range events {
		kind := strings.Split(event, `"`)[3]
		out = append(out, "event: "+kind+"\ndata: "+event+"\n\n")
	}
	return out
}

// frames are Anthropic's events as Bedrock sends them.
func frames(events []string) []string {
	var out []string
	for _, event := range events {
		out = append(out, string(appendFrame(nil, []byte(event))))
	}
	return out
}

// message is Anthropic's whole answer.
func message(text string, size int) string {
	return fmt.Sprintf(`{"model":"%s","id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",`+
		`"content":[{"type":"text","text":"%s"}],"stop_reason":"end_turn","stop_sequence":null,`+
		`"usage":{"input_tokens":240,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,`+
		`"output_tokens":%d,"service_tier":"standard"}}`, model, text, size/4+1)
}

var anthropic = &dialect{
	headers: "Date: " + now() + "\r\nServer: upstream\r\nrequest-id: req_011CVJ3bqWmYx4Z8dT2nKpRs\r\n" +
		"anthropic-organization-id: 3f6c1c5e-5d0e-4a52-9a55-0d6f3a1b7c21\r\n" +
		"anthropic-ratelimit-requests-limit: 4000000\r\nanthropic-ratelimit-requests-remaining: 3999999\r\n" +
		"anthropic-ratelimit-requests-reset: " + soon() + "\r\n" +
		"anthropic-ratelimit-tokens-limit: 400000000\r\nanthropic-ratelimit-tokens-remaining: 399999000\r\n" +
		"anthropic-ratelimit-tokens-reset: " + soon() + "\r\n",
	before:  chunks(lines(opening)...),
	prefix:  []byte("event: content_block_delta\ndata: " + deltaPrefix),
	suffix:  []byte(deltaSuffix + "\n\n"),
	after:   chunks(lines(closing)...),
	whole:   message,
	replies: map[int]template{},
}

// bedrock is InvokeModel, and InvokeModelWithResponseStream.
var bedrock = &dialect{
	headers: "Date: " + now() + "\r\nx-amzn-RequestId: 6a1f2f0c-6f4e-4a55-8a57-1d2c7a4f9b30\r\n" +
		"X-Amzn-Bedrock-Invocation-Latency: 1180\r\nX-Amzn-Bedrock-Input-Token-Count: 240\r\n",
	before: chunks(frames(opening[:2])...), // Bedrock has no pings
	prefix: []byte(deltaPrefix),
	suffix: []byte(deltaSuffix),
	after: chunks(frames([]string{closing[0], closing[1], `{"type":"message_stop","amazon-bedrock-invocationMetrics":` +
		`{"inputTokenCount":240,"outputTokenCount":512,"invocationLatency":1180,"firstByteLatency":310}}`})...),
	framed:  true,
	stream:  "application/vnd.amazon.eventstream",
	whole:   message,
	replies: map[int]template{},
}

// vertex answers rawPredict and streamRawPredict.
var vertex = hosted("Date: " + now() + "\r\nServer: scaffolding on HTTPServer2\r\nrequest-id: req_vrtx_011CVJ3bqWmYx4Z8dT2nKpRs\r\n" +
	"X-XSS-Protection: 0\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n")

// foundry is Microsoft's front of the Messages API.
var foundry = hosted("Date: " + now() + "\r\nrequest-id: req_011CVJ3bqWmYx4Z8dT2nKpRs\r\n" +
	"apim-request-id: 0c5f7ab1-54d6-4a0e-9b39-9f0f0d9d2d1c\r\nx-ms-region: East US 2\r\n" +
	"Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n")

// hosted is Anthropic's API under somebody else's headers.
func hosted(headers string) *dialect {
	d := *anthropic
	d.headers, d.replies = headers, map[int]template{}
	return &d
}

const chunkHead = `data: {"id":"chatcmpl-Cq1XbV7oT0nRkM2sW8fYh3Lp","object":"chat.completion.chunk","created":1763640000,"model":"` +
	model + `","service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{`

var openai = &dialect{
	headers: "Date: " + now() + "\r\nServer: upstream\r\nx-request-id: req_8d1c6d7a2f0b4e5f9a3c1e7b5d2f4a60\r\n" +
		"openai-organization: user-3f6c1c5e5d0e4a529a55\r\n" +
		"x-ratelimit-limit-requests: 4000000\r\nx-ratelimit-remaining-requests: 3999999\r\nx-ratelimit-reset-requests: 6ms\r\n" +
		"x-ratelimit-limit-tokens: 400000000\r\nx-ratelimit-remaining-tokens: 399999000\r\nx-ratelimit-reset-tokens: 6ms\r\n",
	before: chunks(chunkHead + `"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"),
	prefix: []byte(chunkHead + `"content":"`),
	suffix: []byte(`"},"finish_reason":null}]}` + "\n\n"),
	after: chunks(
		chunkHead+`},"finish_reason":"stop"}]}`+"\n\n",
		"data: [DONE]\n\n",
	),
	counted: chunks(
		chunkHead+`},"finish_reason":"stop"}]}`+"\n\n",
		strings.Replace(chunkHead, `"choices":[{"index":0,"delta":{`, `"choices":[],"usage":{"prompt_tokens":240,`+
			`"completion_tokens":512,"total_tokens":752}}`, 1)+"\n\n",
		"data: [DONE]\n\n",
	),
	whole: func(text string, size int) string {
		return fmt.Sprintf(`{"id":"chatcmpl-Cq1XbV7oT0nRkM2sW8fYh3Lp","object":"chat.completion","created":1763640000,"model":"%s",`+
			`"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null},"logprobs":null,"finish_reason":"stop"}],`+
			`"usage":{"prompt_tokens":240,"completion_tokens":%d,"total_tokens":%d}}`, model, text, size/4+1, size/4+241)
	},
	replies: map[int]template{},
}
