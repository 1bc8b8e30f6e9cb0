package main

import (
	"fmt"
	"strings"
	"testing"

	"bench/wire"
)

// delta is one event with its text as it stands in the JSON.
func delta(text string) string {
	return `data: {"choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":null}]}` + "\n\n"
}

func stamped(number int, words string) string {
	stamp := make([]byte, wire.StampSize)
	wire.PutStamp(stamp, "0042", wire.Stamp{Number: number, Sent: 1000, Late: 1000})
	return string(stamp) + words
}

const (
	first = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	stop  = `data: {"choices":[{"index":0,"delta":{},"finish_reason": "stop"}]}` + "\n\n"
	done  = "data: [DONE]\n\n"
)

func stream(events ...string) string {
	var body []byte
	for _, event := range events {
		body = wire.AppendChunk(body, []byte(event))
	}
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + string(body) + string(wire.LastChunk)
}

func whole(status, text string) string {
	body := `{"choices":[{"message":{"role":"assistant","content": "` + text + `"},"finish_reason":"stop"}]}`
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// read feeds an answer in pieces of one size and returns the deltas seen.
func read(p plan, text string, step int) (deltas int, done bool, err error) {
	return readAs(chatDialect{}, p, text, step)
}

func readAs(d dialect, p plan, text string, step int) (deltas int, done bool, err error) {
	p.reply = append([]byte{'"'}, wire.Quote(wire.Reply("0000", p.Reply))...)
	a := answer{plan: &p, dialect: d, onDelta: func(wire.Stamp) { deltas++ }}
	a.reset([]byte("0042"))
	for at := 0; at < len(text) && !done && err == nil; at += step {
		done, err = a.feed([]byte(text[at:min(at+step, len(text))]))
	}
	return deltas, done, err
}

func raw(number int) string { return stamped(number, string(wire.Words(number))) }

// ascii is words number 4, “warm”, as another encoder writes them.
var ascii = stamped(4, ` \u201cwarm\u201d`)

func TestRightAnswersWhateverTheSplit(t *testing.T) {
	reply := string(wire.Quote(wire.Reply("0042", 280)))
	for name, c := range map[string]struct {
		plan plan
		text string
	}{
		"whole":            {plan{Reply: 280}, whole("200 OK", reply)},
		"other escapes":    {plan{Reply: 280}, whole("200 OK", strings.ReplaceAll(reply, "’", `\u2019`))},
		"stream":           {plan{Events: 2}, stream(first, delta(raw(0)), ": ping\n\n", delta(raw(1)), stop, done)},
		"escaped deltas":   {plan{Events: 5}, stream(delta(raw(0)), delta(raw(1)), delta(raw(2)), delta(raw(3)), delta(ascii), stop, done)},
		"deltas in one":    {plan{Events: 2}, stream(first, delta(raw(0)+raw(1)), stop, done)},
		"events in pieces": {plan{Events: 1}, stream(first[:20], first[20:]+delta(raw(0))[:50], delta(raw(0))[50:], stop+done)},
	} {
		for step := 1; step <= len(c.text); step++ {
			deltas, complete, err := read(c.plan, c.text, step)
			if err != nil || !complete || deltas != c.plan.Events {
				t.Fatalf("%s in pieces of %d: %d deltas, complete %v, %v", name, step, deltas, complete, err)
			}
		}
	}
}

func TestWrongAnswersAreFound(t *testing.T) {
	reply := string(wire.Quote(wire.Reply("0042", 280)))
	other := string(wire.Quote(wire.Reply("0043", 280)))
	for name, c := range map[string]struct {
		plan plan
		text string
		want string
	}{
		"status":        {plan{Reply: 280}, whole("503 Unavailable", reply), "status 503"},
		"someone's":     {plan{Reply: 280}, whole("200 OK", other), "wrong text"},
		"changed text":  {plan{Reply: 280}, whole("200 OK", strings.Replace(reply, "ferry", "fairy", 1)), "wrong text"},
		"cut text":      {plan{Reply: 280}, whole("200 OK", reply[:len(reply)-1]), "wrong text"},
		"missing delta": {plan{Events: 2}, stream(delta(raw(0)), stop, done), "incomplete: 1 of 2"},
		"out of order":  {plan{Events: 2}, stream(delta(raw(1)), delta(raw(0)), stop, done), "delta 0 of 0042 expected"},
		"twice":         {plan{Events: 2}, stream(delta(raw(0)), delta(raw(0)), delta(raw(1)), stop, done), "delta 1 of 0042 expected"},
		"changed delta": {plan{Events: 1}, stream(delta(stamped(0, " and than")), stop, done), "wrong text"},
		"no stop":       {plan{Events: 1}, stream(delta(raw(0)), done), "reason to stop false"},
		"no end":        {plan{Events: 1}, stream(delta(raw(0)), stop), "end false"},
		"after the end": {plan{Events: 2}, stream(delta(raw(0)), stop, done, delta(raw(1))), "after the end"},
		"error event":   {plan{Events: 1}, stream(delta(raw(0)), `data: {"error":{"message":"Overloaded"}}`+"\n\n"), "error event"},
		"compressed":    {plan{Reply: 280}, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "compressed"},
	} {
		if _, _, err := read(c.plan, c.text, len(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBodiesHaveTheirSize(t *testing.T) {
	for name, d := range dialects {
		for _, size := range []int{1 << 10, 30 << 10, 300 << 10, 3 << 20} {
			body := encode(conversation(d, size, wire.Order{ID: "0000", Reply: 280}))
			if len(body) < size-16 || len(body) > size+16 {
				t.Errorf("%s: %d bytes wanted, %d made", name, size, len(body))
			}
			if order, found := wire.ParseOrder(body); !found || order.Reply != 280 {
				t.Errorf("%s: no order in a body of %d bytes", name, size)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	var s samples
	for i := 100; i > 0; i-- {
		s = append(s, int64(i)*1000)
	}
	if got := s.spread(); got != (spread{100, 50, 90, 99, 100}) {
		t.Errorf("%+v", got)
	}
	if got := (samples{7000}).spread(); got != (spread{1, 7, 7, 7, 7}) {
		t.Errorf("%+v", got)
	}
}
