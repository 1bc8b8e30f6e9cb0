package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"bench/wire"
)

// answer reads one answer and checks all of it: status, framing, every delta's id, number and text, the end.
type answer struct {
	plan    *plan
	dialect dialect
	id      []byte
	head    wire.Head
	inBody  bool
	in      []byte // a head that is not complete yet
	content []byte // of the body, not yet looked at
	chunks  wire.Dechunker
	next    int // number of the delta that must come next
	ended   bool
	stopped bool   // a finish_reason was seen, or what the dialect has for it
	name    []byte // of the event under hand; empty where it has none
	step    int    // how far a stream of named events has come
	seen    int    // its events
	onDelta func(wire.Stamp)
}

// dialect knows how an API says things.
type dialect interface {
	// request is the body for a conversation.
	request(system string, turns []message, order wire.Order) any
	// event takes one event of a stream.
	event(a *answer, data []byte) error
	// reply finds the text of a whole answer, a JSON string, and checks what is around it.
	reply(body []byte) ([]byte, error)
}

var dialects = map[string]dialect{"chat": chatDialect{}, "messages": messagesDialect{}, "responses": responsesDialect{}}

func (a *answer) reset(id []byte) {
	a.id = id
	a.head, a.inBody, a.in, a.content = wire.Head{}, false, a.in[:0], a.content[:0]
	a.chunks, a.next, a.ended, a.stopped = wire.Dechunker{}, 0, false, false
	a.name, a.step, a.seen = a.name[:0], 0, 0
}

// feed takes bytes; done says that the answer is complete and right.
func (a *answer) feed(data []byte) (done bool, err error) {
	if !a.inBody {
		if len(a.in) > 0 {
			a.in = append(a.in, data...)
			data = a.in
		}
		head, size, err := wire.ParseHead(data)
		if err != nil {
			return false, err
		}
		if size == 0 {
			if len(a.in) == 0 {
				a.in = append(a.in, data...)
			}
			return false, nil
		}
		a.head, a.inBody = head, true
		if err := a.checkHead(data[size:]); err != nil {
			return false, err
		}
		data = data[size:]
	}
	return a.body(data)
}

func (a *answer) checkHead(body []byte) error {
	status := a.head.Line[min(len("HTTP/1.1 "), len(a.head.Line)):]
	if !bytes.HasPrefix(status, []byte("200")) {
		return fmt.Errorf("status %.3s: %.200s", status, body)
	}
	if a.head.Encoded {
		return fmt.Errorf("the answer is compressed though identity was asked for")
	}
	a.head.Line = nil // its bytes are only valid during the call
	if !a.head.Chunked && a.head.Length < 0 {
		return fmt.Errorf("the answer has neither a length nor chunks")
	}
	return nil
}

func (a *answer) body(data []byte) (done bool, err error) {
	complete := false
	if a.head.Chunked {
		a.content, _, complete, err = a.chunks.Feed(a.content, data)
		if err != nil {
			return false, err
		}
	} else {
		a.content = append(a.content, data...)
		complete = len(a.content) >= a.head.Length
	}
	if a.plan.Events == 0 {
		if !complete {
			return false, nil
		}
		return true, a.checkReply()
	}
	if err := a.lines(); err != nil || !complete {
		return false, err
	}
	if a.next != a.plan.Events || !a.ended || !a.stopped {
		return false, fmt.Errorf("incomplete: %d of %d deltas, reason to stop %v, end %v",
			a.next, a.plan.Events, a.stopped, a.ended)
	}
	return true, nil
}

var (
	eventField = []byte("event:")
	dataField  = []byte("data:")
)

// lines handles the complete lines of an event stream.
func (a *answer) lines() error {
	rest := a.content
	for {
		eol := bytes.IndexByte(rest, '\n')
		if eol < 0 {
			a.content = a.content[:copy(a.content, rest)]
			return nil
		}
		line := rest[:eol]
		rest = rest[eol+1:]
		switch {
		case bytes.HasPrefix(line, dataField):
			if a.ended {
				return fmt.Errorf("an event after the end")
			}
			if err := a.dialect.event(a, bytes.TrimSpace(line[len(dataField):])); err != nil {
				return err
			}
		case bytes.HasPrefix(line, eventField):
			a.name = append(a.name[:0], bytes.TrimSpace(line[len(eventField):])...)
		case len(bytes.TrimSpace(line)) == 0:
			a.name = a.name[:0]
		}
	}
}

// after is what follows a key, and the spaces behind it.
func after(data, key []byte) ([]byte, bool) {
	at := bytes.Index(data, key)
	if at < 0 {
		return nil, false
	}
	return bytes.TrimLeft(data[at+len(key):], " "), true
}

// delta checks the text of a delta, a JSON string at the start of text.
func (a *answer) delta(text []byte) error {
	id, stamp, ok := wire.ParseStamp(text[1:])
	words := text[min(1+wire.StampSize, len(text)):]
	want := wire.Words(a.next)
	if ok && bytes.Equal(id, a.id) && stamp.Number == a.next && bytes.HasPrefix(words, want) && words[len(want)] == '"' {
		a.next++
		a.onDelta(stamp)
		return nil
	}
	// Escaped in another way, or several deltas in one event: both are right, if the text is.
	return a.walk(text, &a.next, a.onDelta)
}

// walk checks the deltas in a JSON string, the first of them number *next.
func (a *answer) walk(text []byte, next *int, each func(wire.Stamp)) error {
	plain, err := unquote(text)
	if err != nil {
		return err
	}
	for rest := []byte(plain); len(rest) > 0; {
		id, stamp, ok := wire.ParseStamp(rest)
		if !ok || !bytes.Equal(id, a.id) || stamp.Number != *next {
			return fmt.Errorf("delta %d of %s expected, got %.60q", *next, a.id, rest)
		}
		want, _ := unquote(append(append([]byte{'"'}, wire.Words(*next)...), '"'))
		if !bytes.HasPrefix(rest[wire.StampSize:], []byte(want)) {
			return fmt.Errorf("delta %d has the wrong text: %.60q", *next, rest)
		}
		rest = rest[wire.StampSize+len(want):]
		*next++
		each(stamp)
	}
	return nil
}

// checkReply checks an answer that was not streamed.
func (a *answer) checkReply() error {
	text, err := a.dialect.reply(a.content)
	if err != nil {
		return err
	}
	want := a.plan.reply
	const idEnd = 1 + 1 + wire.IDSize
	if len(text) > len(want) && bytes.Equal(text[2:idEnd], a.id) && bytes.Equal(text[idEnd:len(want)], want[idEnd:]) {
		return nil
	}
	plain, err := unquote(text)
	if err != nil {
		return err
	}
	if plain != wire.Reply(string(a.id), a.plan.Reply) {
		return fmt.Errorf("the answer to %s has the wrong text: %.100q", a.id, plain)
	}
	return nil
}

// unquote decodes the JSON string at the start of text.
func unquote(text []byte) (plain string, err error) {
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&plain); err != nil {
		return "", fmt.Errorf("not a JSON string: %.100s", text)
	}
	return plain, nil
}
