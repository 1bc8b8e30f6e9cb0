package main

import (
	"bytes"
	"fmt"

	"bench/wire"
)

// messagesDialect is Anthropic's Messages.
type messagesDialect struct{}

type messagesRequest struct {
	MaxTokens   int       `json:"max_tokens"`
	Messages    []message `json:"messages"`
	Model       string    `json:"model"`
	Stream      bool      `json:"stream"`
	System      string    `json:"system"`
	Temperature float64   `json:"temperature"`
}

func (messagesDialect) request(system string, turns []message, order wire.Order) any {
	return messagesRequest{1024, turns, model, order.Events > 0, system, 0.7}
}

// messagesSteps are the events of a stream with one block of text, in their order; the delta may come many times.
var messagesSteps = []string{
	"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
}

var (
	textKey    = []byte(`"text":`)
	stopReason = []byte(`"stop_reason":`)
	endTurn    = []byte(`"end_turn"`)
)

func (messagesDialect) event(a *answer, data []byte) error {
	if string(a.name) == "ping" {
		return nil
	}
	if err := a.named(data, messagesSteps, 2); err != nil {
		return err
	}
	switch messagesSteps[a.step-1] {
	case "content_block_delta":
		return a.deltaOf(data, textKey)
	case "message_delta":
		reason, _ := after(data, stopReason)
		a.stopped = bytes.HasPrefix(reason, endTurn)
	case "message_stop":
		a.ended = true
	}
	return nil
}

func (messagesDialect) reply(body []byte) ([]byte, error) {
	if reason, ok := after(body, stopReason); !ok || !bytes.HasPrefix(reason, endTurn) {
		return nil, fmt.Errorf("no stop_reason end_turn in %.200s", body)
	}
	text, ok := after(body, textKey)
	if !ok {
		return nil, fmt.Errorf("no text in %.200s", body)
	}
	return text, nil
}
