package main

import (
	"bytes"
	"fmt"

	"bench/wire"
)

// chatDialect is OpenAI's Chat Completions.
type chatDialect struct{}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatRequest struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages"`
	MaxTokens   int       `json:"max_tokens"`
	Temperature float64   `json:"temperature"`
	Stream      bool      `json:"stream"`
}

func (chatDialect) request(system string, turns []message, order wire.Order) any {
	said := append([]message{{"system", system}}, turns...)
	return chatRequest{model, said, 1024, 0.7, order.Events > 0}
}

var (
	contentKey   = []byte(`"content":`)
	finishReason = []byte(`"finish_reason":`)
	doneMarker   = []byte("[DONE]")
	errorKey     = []byte(`"error"`)
)

func (chatDialect) event(a *answer, data []byte) error {
	if bytes.Equal(data, doneMarker) {
		a.ended = true
		return nil
	}
	if text, ok := after(data, contentKey); ok {
		if bytes.HasPrefix(text, []byte(`"@`)) {
			return a.delta(text)
		}
		if !bytes.HasPrefix(text, []byte(`""`)) && !bytes.HasPrefix(text, []byte("null")) {
			return fmt.Errorf("unexpected content: %.100s", text)
		}
	}
	if reason, ok := after(data, finishReason); ok && bytes.HasPrefix(reason, []byte(`"stop"`)) {
		a.stopped = true
	} else if bytes.Contains(data, errorKey) {
		return fmt.Errorf("error event: %.200s", data)
	}
	return nil
}

func (chatDialect) reply(body []byte) ([]byte, error) {
	text, ok := after(body, contentKey)
	if !ok {
		return nil, fmt.Errorf("no content in %.200s", body)
	}
	if reason, ok := after(body, finishReason); !ok || !bytes.HasPrefix(reason, []byte(`"stop"`)) {
		return nil, fmt.Errorf("no finish_reason stop in %.200s", body)
	}
	return text, nil
}
