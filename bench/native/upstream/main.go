// Command upstream is the model behind the gateways under test: it answers as the APIs of Anthropic, OpenAI, Amazon
// Bedrock, Google Vertex AI and Microsoft Foundry do (paths.go), at next to no cost. The user's text says what to
// answer, see wire.Order. It prints its port and runs until it is killed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"bench/loop"
	"bench/wire"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	if err := run(*port); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

func run(port int) error {
	l, err := loop.New(false)
	if err != nil {
		return err
	}
	port, err = l.Listen(port, func(c *loop.Conn) loop.Handler {
		return &session{loop: l, conn: c}
	})
	if err != nil {
		return err
	}
	fmt.Println(port)
	return l.Run(func() bool { return false })
}

// session is one connection: requests come in one after the other.
type session struct {
	loop   *loop.Loop
	conn   *loop.Conn
	in     []byte
	need   int // bytes wanted before it is worth looking again
	stream *stream
	busy   bool // in serve
	gone   bool
}

func (s *session) Data(_ *loop.Conn, data []byte) {
	s.in = append(s.in, data...)
	if len(s.in) >= s.need {
		s.serve()
	}
}

// serve answers the requests that are complete, one at a time.
func (s *session) serve() {
	s.busy = true
	defer func() { s.busy = false }()
	for s.stream == nil && !s.gone && len(s.in) > 0 {
		head, size, err := wire.ParseHead(s.in)
		if err != nil {
			s.refuse(400, err.Error())
			s.conn.Close()
			return
		}
		if size == 0 {
			return
		}
		body, total, ok := s.body(head, size)
		if !ok {
			return
		}
		s.need = 0
		s.answer(head, size, body)
		s.in = s.in[:copy(s.in, s.in[total:])]
	}
}

// body finds a request's body behind its head of `size` bytes; ok says that it is complete.
func (s *session) body(head wire.Head, size int) (body []byte, total int, ok bool) {
	if head.Chunked {
		var d wire.Dechunker
		body, rest, done, err := d.Feed(nil, s.in[size:])
		if err != nil {
			s.refuse(400, err.Error())
			s.conn.Close()
			return nil, 0, false
		}
		return body, len(s.in) - len(rest), done
	}
	total = size + max(head.Length, 0)
	if len(s.in) < total {
		s.need = total
		return nil, 0, false
	}
	return s.in[size:total], total, true
}

func (s *session) answer(head wire.Head, size int, body []byte) {
	parts := bytes.Split(head.Line, []byte(" "))
	if len(parts) < 2 {
		s.refuse(400, "bad request line")
		return
	}
	path, _, _ := bytes.Cut(parts[1], []byte("?"))
	switch string(path) {
	case "/awake", "/asleep":
		s.loop.SetAwake(string(path) == "/awake")
		s.conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		return
	case tokenPath:
		s.conn.Write([]byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			len(tokenAnswer), tokenAnswer)))
		return
	}
	to, found := find(path)
	if !found {
		s.refuse(404, "no such path")
		return
	}
	if !bytes.Contains(s.in[:size], to.credential) {
		s.refuse(401, "the request does not carry this service's credential")
		return
	}
	s.reply(to, body)
}

// reply answers what the user's text orders.
func (s *session) reply(to target, body []byte) {
	order, found := wire.ParseOrder(body)
	if !found {
		s.refuse(400, "the request holds no order for this upstream")
		return
	}
	said := bytes.Contains(body, []byte(`"stream":true`)) || bytes.Contains(body, []byte(`"stream": true`))
	streamed := to.streams || to.asks && said
	switch {
	case streamed != (order.Events > 0):
		s.refuse(400, "the request's stream flag contradicts its order")
	case streamed:
		s.stream = newStream(s, to.dialect, order)
		s.stream.counted = bytes.Contains(body, []byte(`"include_usage":true`))
		s.stream.begin()
	default:
		s.conn.Write(to.dialect.reply(order))
	}
}

func (s *session) refuse(status int, why string) {
	body := `{"type":"error","error":{"type":"invalid_request_error","message":` + strconv.Quote(why) + `}}`
	s.conn.Write([]byte(fmt.Sprintf("HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, len(body), body)))
}

func (s *session) Drained(*loop.Conn) {
	if s.stream != nil {
		s.stream.fill()
	}
}

func (s *session) Gone(*loop.Conn, error) { s.gone = true }

// finished lets the next request of the connection in.
func (s *session) finished() {
	s.stream = nil
	if !s.busy {
		s.serve()
	}
}
