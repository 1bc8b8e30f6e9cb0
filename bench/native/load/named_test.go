package main

import (
	"fmt"
	"strings"
	"testing"

	"bench/wire"
)

func named(kind, members string) string {
	return fmt.Sprintf("event: %s\ndata: {\"type\":\"%s\"%s}\n\n", kind, kind, members)
}

// streams of one dialect: what stands before the deltas, a delta, and what stands behind them. Responses number their
// events, so they are made for a number of deltas.
type script struct {
	dialect dialect
	make    func(texts ...string) []string
	good    string // a whole answer around %s
	bad     string // one that did not end well
}

var scripts = map[string]script{
	"messages": {
		dialect: messagesDialect{},
		make: func(texts ...string) []string {
			out := []string{named("message_start", `,"message":{"stop_reason":null}`),
				named("content_block_start", `,"content_block":{"type":"text","text":""}`)}
			for _, text := range texts {
				out = append(out, named("content_block_delta", `,"delta":{"type":"text_delta","text":"`+text+`"}`))
			}
			return append(out, named("content_block_stop", ""),
				named("message_delta", `,"delta":{"stop_reason":"end_turn"}`), named("message_stop", ""))
		},
		good: `{"type":"message","content":[{"type":"text","text":"%s"}],"stop_reason":"end_turn"}`,
		bad:  `{"type":"message","content":[{"type":"text","text":"%s"}],"stop_reason":"max_tokens"}`,
	},
	"responses": {
		dialect: responsesDialect{},
		make: func(texts ...string) []string {
			var out []string
			say := func(kind, members string) {
				out = append(out, named(kind, fmt.Sprintf(`,"sequence_number":%d,"output_index":0%s`, len(out), members)))
			}
			for _, kind := range responsesSteps[:4] {
				say(kind, "")
			}
			for _, text := range texts {
				say("response.output_text.delta", `,"delta":"`+text+`"`)
			}
			say("response.output_text.done", `,"text":"`+strings.Join(texts, "")+`"`)
			say("response.content_part.done", "")
			say("response.output_item.done", "")
			say("response.completed", `,"response":{"status":"completed","text":{"format":{}},"output":[{"text":"`+
				strings.Join(texts, "")+`"}]}`)
			return out
		},
		good: `{"status":"completed","text":{"format":{"type":"text"}},"output":[{"text":"%s"}]}`,
		bad:  `{"status":"incomplete","text":{"format":{"type":"text"}},"output":[{"text":"%s"}]}`,
	},
}

func answerOf(format, text string) string {
	body := fmt.Sprintf(format, text)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestNamedStreams(t *testing.T) {
	for name, s := range scripts {
		events := s.make(raw(0), raw(1), raw(2), raw(3), ascii)
		pings := append([]string{events[0], ": ping\n\n"}, events[1:]...)
		text := stream(pings...)
		for step := 1; step <= len(text); step++ {
			deltas, done, err := readAs(s.dialect, plan{Events: 5}, text, step)
			if err != nil || !done || deltas != 5 {
				t.Fatalf("%s in pieces of %d: %d deltas, complete %v, %v", name, step, deltas, done, err)
			}
		}
		reply := string(wire.Quote(wire.Reply("0042", 280)))
		if _, done, err := readAs(s.dialect, plan{Reply: 280}, answerOf(s.good, reply), 7); err != nil || !done {
			t.Errorf("%s: %v", name, err)
		}
		for _, wrong := range []string{answerOf(s.bad, reply), answerOf(s.good, reply[1:]), answerOf(`{"a":"%s"}`, reply)} {
			if _, _, err := readAs(s.dialect, plan{Reply: 280}, wrong, len(wrong)); err == nil {
				t.Errorf("%s: taken for right: %s", name, wrong)
			}
		}
	}
}

func TestNamedStreamsOutOfOrder(t *testing.T) {
	for name, s := range scripts {
		right := s.make(raw(0), raw(1))
		for at := range right {
			without := append(append([]string{}, right[:at]...), right[at+1:]...)
			twice := append(append([]string{}, right[:at+1]...), right[at:]...)
			for what, events := range map[string][]string{"without": without, "twice": twice} {
				text := stream(events...)
				if _, _, err := readAs(s.dialect, plan{Events: 2}, text, len(text)); err == nil {
					t.Errorf("%s %s event %d was taken for right", name, what, at)
				}
			}
		}
		other := stream(s.make(raw(0), stamped(1, " and than"))...)
		if _, _, err := readAs(s.dialect, plan{Events: 2}, other, len(other)); err == nil {
			t.Errorf("%s: another text was taken for right", name)
		}
		renamed := stream(strings.Replace(strings.Join(right, ""), "event: "+strings.Fields(right[0])[1], "event: other", 1))
		if _, _, err := readAs(s.dialect, plan{Events: 2}, renamed, len(renamed)); err == nil {
			t.Errorf("%s: an event of another name was taken for right", name)
		}
	}
}

func TestTheWholeTextIsCompared(t *testing.T) {
	events := scripts["responses"].make(raw(0), raw(1))
	for at := 6; at < len(events); at++ {
		changed := append([]string{}, events...)
		changed[at] = strings.Replace(changed[at], raw(1), "", 1)
		text := stream(changed...)
		_, _, err := readAs(responsesDialect{}, plan{Events: 2}, text, len(text))
		if held := changed[at] != events[at]; (err != nil) != held {
			t.Errorf("event %d: %v", at, err)
		}
	}
}
