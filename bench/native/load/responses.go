package main

import (
	"bytes"
	"fmt"
	"strconv"

	"bench/wire"
)

// responsesDialect is OpenAI's Responses.
type responsesDialect struct{}

type responsesRequest struct {
	Model       string    `json:"model"`
	Input       []message `json:"input"`
	System      string    `json:"instructions"`
	MaxTokens   int       `json:"max_output_tokens"`
	Store       bool      `json:"store"`
	Temperature float64   `json:"temperature"`
	Stream      bool      `json:"stream"`
}

func (responsesDialect) request(system string, turns []message, order wire.Order) any {
	return responsesRequest{model, turns, system, 1024, false, 0.7, order.Events > 0}
}

// responsesSteps are the events of a stream with one message of one text; the delta may come many times.
var responsesSteps = []string{
	"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
	"response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done",
	"response.completed",
}

var (
	deltaKey  = []byte(`"delta":`)
	numberKey = []byte(`"sequence_number":`)
	statusKey = []byte(`"status":`)
	completed = []byte(`"completed"`)
)

func (d responsesDialect) event(a *answer, data []byte) error {
	number := a.seen
	if err := a.named(data, responsesSteps, 4); err != nil {
		return err
	}
	if told, _ := after(data, numberKey); !bytes.HasPrefix(told, append(strconv.AppendInt(nil, int64(number), 10), ',')) {
		return fmt.Errorf("sequence_number %d expected: %.200s", number, data)
	}
	switch responsesSteps[a.step-1] {
	case "response.output_text.delta":
		return a.deltaOf(data, deltaKey)
	case "response.output_text.done":
		text, ok := after(data, textKey)
		if !ok {
			return fmt.Errorf("no text in %.200s", data)
		}
		return a.whole(text)
	case "response.completed":
		text, err := d.reply(data)
		if err != nil {
			return err
		}
		a.stopped, a.ended = true, true
		return a.whole(text)
	}
	return nil
}

func (responsesDialect) reply(body []byte) ([]byte, error) {
	if status, ok := after(body, statusKey); !ok || !bytes.HasPrefix(status, completed) {
		return nil, fmt.Errorf("no status completed in %.200s", body)
	}
	for rest := body; ; {
		text, ok := after(rest, textKey)
		if !ok {
			return nil, fmt.Errorf("no text in %.200s", body)
		}
		if bytes.HasPrefix(text, []byte(`"`)) {
			return text, nil
		}
		rest = text
	}
}
