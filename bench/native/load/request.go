package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"bench/loop"
	"bench/wire"
)

const model = "claude-haiku-4-5-20251001"

// turn is the size of one message of a long conversation, in bytes.
const turn = 4096

// headers are those of the vendors' Python SDKs, which are made alike: what a gateway has to read with each request.
const headers = "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n" +
	"Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: %s\r\n" +
	"X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 3.0.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n" +
	"X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.13.0\r\nX-Stainless-Async: false\r\n" +
	"X-Stainless-Retry-Count: 0\r\nx-stainless-read-timeout: 600\r\n%s\r\n" +
	"X-Conversation-Id: conversation-0000\r\nContent-Length: %d\r\n\r\n"

// credential is the header line that holds the key, and what goes with it.
func credential(p *plan) (agent, lines string) {
	if p.Dialect == "messages" {
		return "Anthropic/Python 2.0.0", "anthropic-version: 2023-06-01\r\nX-Api-Key: " + p.Key
	}
	return "OpenAI/Python 3.0.0", "Authorization: Bearer " + p.Key
}

// request is a request with places for what differs from one to the next. One serves all connections.
type request struct {
	text           []byte
	size           int // of the body
	idAt           int
	conversationAt int
}

// newRequest makes a request whose body has about size bytes.
func newRequest(p *plan) request {
	order := wire.Order{ID: "0000", Reply: p.Reply, Events: p.Events, Rate: p.Rate, Hold: p.Hold}
	body := encode(conversation(dialects[p.Dialect], p.Body, order))
	agent, lines := credential(p)
	head := fmt.Sprintf(headers, p.Path, p.Port, agent, lines, len(body))
	return request{
		text:           append([]byte(head), body...),
		size:           len(body),
		idAt:           len(head) + bytes.Index(body, []byte("bench:id=")) + len("bench:id="),
		conversationAt: strings.Index(head, "conversation-0000") + len("conversation-"),
	}
}

const system = "You are a careful assistant. Answer in the language of the question.\n" +
	"Keep answers short, cite the document where you can, and say \"I do not know\" when you do not."

// conversation is one whose encoding has about size bytes, the order at the start of its last message.
func conversation(d dialect, size int, order wire.Order) any {
	var turns []message
	exchange := []message{{"user", wire.Prose(turn)}, {"assistant", wire.Prose(turn)}}
	each := len(encode(exchange)) - len("[]") + 1
	for n := (size - turn/4) / each; n > 0; n-- {
		turns = append(turns, exchange...)
	}
	turns = append(turns, message{Role: "user"})
	last := &turns[len(turns)-1]
	text := func(prose int) string { return order.String() + " Please go on from here.\n" + wire.Prose(prose) }
	// Escapes make the encoding longer than the text, so the size is approached from what is missing.
	last.Content = text(0)
	for prose, round := 0, 0; round < 8; round++ {
		prose = max(0, prose+size-len(encode(d.request(system, turns, order))))
		last.Content = text(prose)
	}
	return d.request(system, turns, order)
}

func encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // strings and numbers always encode
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// send writes the request for one connection, under a new id.
func (r request) send(c *loop.Conn, id []byte, connection int) {
	copy(r.text[r.idAt:], id)
	wire.PutBase36(r.text[r.conversationAt:r.conversationAt+4], int64(connection))
	c.Write(r.text)
}
