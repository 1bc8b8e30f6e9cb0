package main

import (
	"bench/loop"
	"bench/wire"
)

const (
	// piece is how many bytes of events go into one chunk when nothing paces them. Between a model that is ahead of
	// its reader and a gateway there are proxies that forward what one read brought: several events a chunk.
	piece = 8 << 10
	// ahead is how much is written before the socket must take it.
	ahead = 64 << 10
)

// stream is one streamed answer on its way.
type stream struct {
	session *session
	dialect *dialect
	order   wire.Order
	number  int   // of the next delta
	start   int64 // ns, when delta 0 is due
	step    int64 // ns between deltas; 0: as fast as the connection takes them
	holding bool
	counted bool            // the request asked for usage
	again   func(now int64) // tick, bound once
}

func newStream(s *session, d *dialect, order wire.Order) *stream {
	st := &stream{session: s, dialect: d, order: order}
	st.again = st.tick
	if order.Rate > 0 {
		st.step = int64(1e9) / int64(order.Rate)
		// The streams of a busy server have no common beat: each begins somewhere in its first interval.
		id, _ := wire.Base36([]byte(order.ID))
		st.start = loop.Now() + (id*7919%1000)*st.step/1000
	}
	return st
}

func (s *stream) begin() {
	s.session.conn.Write(append([]byte(s.dialect.head()), s.dialect.before...))
	if s.step > 0 {
		s.session.loop.At(s.start, s.again)
		return
	}
	s.fill()
}

// event appends one delta.
func (s *stream) event(dst []byte, sent, late int64) []byte {
	if s.dialect.framed {
		inside = s.lined(inside[:0], sent, late)
		return appendFrame(dst, inside)
	}
	return s.lined(dst, sent, late)
}

// lined appends one delta between the dialect's prefix and suffix.
func (s *stream) lined(dst []byte, sent, late int64) []byte {
	dst = append(dst, s.dialect.prefix...)
	at := len(dst)
	dst = append(dst, make([]byte, wire.StampSize)...)
	wire.PutStamp(dst[at:], s.order.ID, wire.Stamp{Number: s.number, Sent: sent, Late: late})
	dst = append(dst, wire.Words(s.number)...)
	s.number++
	return append(dst, s.dialect.suffix...)
}

// They are only used within one call; the loop has one thread.
var events, inside, out []byte

// tick sends the deltas that are due, each in a chunk of its own.
func (s *stream) tick(now int64) {
	if s.session.gone {
		return
	}
	out = out[:0]
	for due := s.due(); due <= now && s.number < s.order.Events; due = s.due() {
		events = s.event(events[:0], now, now-due)
		out = wire.AppendChunk(out, events)
	}
	if len(out) > 0 {
		s.session.conn.Write(out)
	}
	if s.number < s.order.Events {
		s.session.loop.At(s.due(), s.again)
		return
	}
	s.end()
}

func (s *stream) due() int64 { return s.start + int64(s.number)*s.step }

// fill writes as many deltas as the connection takes.
func (s *stream) fill() {
	if s.step > 0 || s.holding {
		return
	}
	for s.number < s.order.Events && s.session.conn.Pending() == 0 && !s.session.gone {
		out = out[:0]
		for len(out) < ahead && s.number < s.order.Events {
			now := loop.Now()
			events = events[:0]
			for len(events) < piece && s.number < s.order.Events {
				events = s.event(events, now, 0)
			}
			out = wire.AppendChunk(out, events)
		}
		s.session.conn.Write(out)
	}
	if s.number == s.order.Events {
		s.end()
	}
}

// end closes the stream, after the silence that was ordered.
func (s *stream) end() {
	if s.order.Hold > 0 && !s.holding {
		s.holding = true
		s.session.loop.At(loop.Now()+int64(s.order.Hold)*1e6, func(int64) { s.end() })
		return
	}
	if s.session.gone {
		return
	}
	after := s.dialect.after
	if s.counted && s.dialect.counted != nil {
		after = s.dialect.counted
	}
	s.session.conn.Write(append(append([]byte(nil), after...), wire.LastChunk...))
	s.session.finished()
}
