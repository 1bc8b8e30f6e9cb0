package main

import (
	"fmt"
	"time"

	"bench/loop"
	"bench/wire"
)

// result is what is printed. Durations are in microseconds; everything but `complete` and `first_event` counts what
// fell into the window.
type result struct {
	WindowS  float64         `json:"window_s"`
	Requests int             `json:"requests"` // answered in full
	Latency  spread          `json:"latency_us"`
	First    spread          `json:"first_event_us"`
	Events   int             `json:"events"`
	Late     spread          `json:"late_us"`     // from the upstream's write to our read
	LateDue  spread          `json:"late_due_us"` // from when the delta was due to our read
	Complete int             `json:"complete"`    // streams, or requests, that came to their proper end
	Errors   faults          `json:"errors"`
	Before   usage           `json:"before"`
	After    usage           `json:"after"`
	Cores    map[string]core `json:"cores"`
	Body     int             `json:"body_bytes"`
}

// bench is one run.
type bench struct {
	plan    *plan
	loop    *loop.Loop
	request request
	under   []int // pids under test
	result  result

	start, open, shut int64 // ns: begin, and the window's edges
	inWindow, over    bool
	counter           int64
	running           int // clients that have not finished
	latency           samples
	first             samples
	late, lateDue     samples
	cores             map[string]core
}

func run(p *plan) (*result, error) {
	l, err := loop.New(p.Awake == 1)
	if err != nil {
		return nil, err
	}
	b := &bench{plan: p, loop: l, request: newRequest(p)}
	if p.Tree != 0 {
		b.under = tree(p.Tree)
	}
	b.result.Body = b.request.size
	if p.From == 0 {
		b.openWindow(0)
	}
	b.start = loop.Now()
	if p.From > 0 {
		l.At(b.start+int64(p.From), b.openWindow)
	}
	l.At(b.start+int64(p.From+p.Time), b.closeWindow)
	b.running = p.Conns
	for i := 0; i < p.Conns; i++ {
		c := &client{bench: b, number: i, answer: answer{plan: p, dialect: dialects[p.Dialect]}}
		c.answer.onDelta = c.delta
		l.At(b.start+int64(p.Ramp)*int64(i)/int64(p.Conns), c.connect)
	}
	if err := l.Run(b.done); err != nil {
		return nil, err
	}
	return b.finish(), nil
}

// deadline is when to give up on what is still under way.
func (b *bench) deadline() int64 {
	end := b.plan.From + b.plan.Time
	if b.plan.Mode == "streams" {
		stream := b.plan.Ramp + time.Duration(b.plan.Hold)*time.Millisecond
		if b.plan.Rate > 0 {
			stream += time.Duration(b.plan.Events) * time.Second / time.Duration(b.plan.Rate)
		}
		end = max(end, stream)
	}
	return b.start + int64(end+b.plan.Tail)
}

func (b *bench) done() bool {
	return b.over && b.running == 0 || loop.Now() > b.deadline()
}

func (b *bench) openWindow(int64) {
	before := &b.result.Before
	before.RSSKB, before.PSSKB = memoryOf(b.under)
	b.cores = cores()
	before.CPUNs = cpuOf(b.under)
	b.open = loop.Now()
	b.inWindow = true
}

func (b *bench) closeWindow(int64) {
	b.inWindow, b.over = false, true
	b.shut = loop.Now()
	after := &b.result.After
	after.CPUNs = cpuOf(b.under)
	b.result.Cores = cores()
	for number, now := range b.result.Cores {
		was := b.cores[number]
		b.result.Cores[number] = core{now.Busy - was.Busy, now.Idle - was.Idle, now.Steal - was.Steal}
	}
	after.RSSKB, after.PSSKB = memoryOf(b.under)
}

func (b *bench) finish() *result {
	r := &b.result
	if b.running > 0 {
		r.Errors.add(fmt.Sprintf("unfinished: %d of %d connections", b.running, b.plan.Conns))
		r.Errors.Total += b.running - 1
	}
	r.WindowS = float64(b.shut-b.open) / 1e9
	r.Latency, r.First = b.latency.spread(), b.first.spread()
	r.Events, r.Late, r.LateDue = len(b.late), b.late.spread(), b.lateDue.spread()
	return r
}

// client is one connection and the request on it.
type client struct {
	bench  *bench
	number int
	conn   *loop.Conn
	answer answer
	id     [wire.IDSize]byte
	sent   int64
	got    int64 // ns: when the bytes under hand came
	busy   bool
}

func (c *client) connect(int64) {
	if c.bench.over && c.bench.plan.Mode == "closed" {
		c.stop()
		return
	}
	conn, err := c.bench.loop.Dial(c.bench.plan.Port, c)
	if err != nil {
		c.fail(err)
		return
	}
	c.conn = conn
	c.ask()
}

func (c *client) ask() {
	c.bench.counter++
	wire.PutBase36(c.id[:], c.bench.counter)
	c.answer.reset(c.id[:])
	c.busy = true
	c.sent = loop.Now()
	c.bench.request.send(c.conn, c.id[:], c.number)
}

// Data checks what came and, when the answer is complete, asks again.
func (c *client) Data(_ *loop.Conn, data []byte) {
	c.got = loop.Now()
	done, err := c.answer.feed(data)
	if err != nil {
		c.conn.Close()
		c.fail(err)
		return
	}
	if !done {
		return
	}
	b := c.bench
	c.busy = false
	b.result.Complete++
	if b.inWindow {
		b.result.Requests++
		b.latency = append(b.latency, c.got-c.sent)
	}
	switch {
	case b.plan.Mode == "streams" || b.over:
		c.conn.Close()
		c.stop()
	case c.answer.head.Close:
		c.conn.Close()
		c.connect(0)
	default:
		c.ask()
	}
}

func (c *client) delta(stamp wire.Stamp) {
	b := c.bench
	if stamp.Number == 0 && (b.inWindow || b.plan.Mode == "streams") {
		b.first = append(b.first, c.got-c.sent)
	}
	if b.inWindow {
		b.late = append(b.late, c.got-stamp.Sent)
		b.lateDue = append(b.lateDue, c.got-stamp.Sent+stamp.Late)
	}
}

func (c *client) Drained(*loop.Conn) {}

// Gone is an error in the middle of an answer, and between answers a reason to connect again.
func (c *client) Gone(_ *loop.Conn, err error) {
	if c.busy {
		c.fail(fmt.Errorf("connection lost: %w", err))
		return
	}
	c.connect(0)
}

// fail counts an error and lets a closed-loop client go on after a moment.
func (c *client) fail(err error) {
	c.busy = false
	c.bench.result.Errors.add(err.Error())
	if c.bench.plan.Mode == "streams" {
		c.stop()
		return
	}
	c.bench.loop.At(loop.Now()+10_000_000, c.connect)
}

func (c *client) stop() { c.bench.running-- }
