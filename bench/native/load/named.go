package main

import (
	"bytes"
	"fmt"

	"bench/wire"
)

// What Messages and Responses have in common: events with names, in an order that is known.

var typeKey = []byte(`"type":`)

// named checks that an event has the type it is named for, and is the next of the steps or one more of those at `many`.
// It counts events in a.seen and steps in a.step.
func (a *answer) named(data []byte, steps []string, many int) error {
	kind, _ := after(data, typeKey)
	end := 1 + len(a.name)
	if len(a.name) == 0 || len(kind) <= end || kind[0] != '"' || kind[end] != '"' || !bytes.Equal(kind[1:end], a.name) {
		return fmt.Errorf("an event named %q: %.200s", a.name, data)
	}
	switch {
	case a.step == many+1 && string(a.name) == steps[many]:
	case a.step < len(steps) && string(a.name) == steps[a.step]:
		a.step++
	default:
		return fmt.Errorf("unexpected event after %d others: %.200s", a.seen, data)
	}
	a.seen++
	return nil
}

// deltaOf checks the delta under a key.
func (a *answer) deltaOf(data, key []byte) error {
	text, ok := after(data, key)
	if !ok || !bytes.HasPrefix(text, []byte(`"`)) {
		return fmt.Errorf("no text in %.200s", data)
	}
	return a.delta(text)
}

// whole checks a JSON string that holds the text of all deltas.
func (a *answer) whole(text []byte) error {
	next := 0
	for rest := text[1:]; next < a.next; next++ {
		id, stamp, ok := wire.ParseStamp(rest)
		words := wire.Words(next)
		if !ok || !bytes.Equal(id, a.id) || stamp.Number != next || !bytes.HasPrefix(rest[wire.StampSize:], words) {
			break
		}
		if rest = rest[wire.StampSize+len(words):]; next == a.next-1 && bytes.HasPrefix(rest, []byte(`"`)) {
			return nil
		}
	}
	// Escaped in another way, or wrong.
	next = 0
	if err := a.walk(text, &next, func(wire.Stamp) {}); err != nil {
		return err
	}
	if next != a.next {
		return fmt.Errorf("%d deltas came, %d are in the whole text", a.next, next)
	}
	return nil
}
