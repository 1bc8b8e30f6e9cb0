// Command load asks a gateway for answers, in one of its dialects, and says what that cost. It checks every answer, reads the
// processor time and memory of the process under test at the edges of its window, and prints one JSON object.
//
//	load -mode closed  -conns 64 -time 4s …            each connection asks again as soon as it has its answer
//	load -mode streams -conns 1000 -events 500 -rate 50 …   each connection asks once, for a stream
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"bench/wire"
)

// plan is what to do; all of it comes from the command line.
type plan struct {
	Port    int
	Path    string
	Dialect string
	Key     string
	Mode    string
	Conns   int
	Body    int
	Reply   int
	Events  int
	Rate    int
	Hold    int
	Ramp    time.Duration
	From    time.Duration
	Time    time.Duration
	Tail    time.Duration
	Tree    int
	Awake   int
	reply   []byte // the expected text of an answer, as a JSON string without its closing quotation mark
}

var paths = map[string]string{"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}

func main() {
	var p plan
	flag.IntVar(&p.Port, "port", 0, "the gateway's port on 127.0.0.1")
	flag.StringVar(&p.Path, "path", "", "path to post to, instead of the dialect's")
	flag.StringVar(&p.Dialect, "dialect", "chat", "chat, messages or responses")
	flag.StringVar(&p.Key, "key", "sk-none", "bearer key")
	flag.StringVar(&p.Mode, "mode", "closed", "closed or streams")
	flag.IntVar(&p.Conns, "conns", 1, "connections")
	flag.IntVar(&p.Body, "body", 1024, "bytes of a request's body")
	flag.IntVar(&p.Reply, "reply", 280, "bytes of text in an answer that is not streamed")
	flag.IntVar(&p.Events, "events", 0, "text deltas of an answer; above 0 it is a stream")
	flag.IntVar(&p.Rate, "rate", 0, "deltas a second; 0: as fast as they go")
	flag.IntVar(&p.Hold, "hold", 0, "milliseconds of silence before a stream ends")
	flag.DurationVar(&p.Ramp, "ramp", 0, "over how long connections are opened")
	flag.DurationVar(&p.From, "from", time.Second, "when the window begins")
	flag.DurationVar(&p.Time, "time", 4*time.Second, "length of the window")
	flag.DurationVar(&p.Tail, "tail", 10*time.Second, "how long to wait for what is under way when it is over")
	flag.IntVar(&p.Tree, "tree", 0, "process under test; its descendants count")
	flag.IntVar(&p.Awake, "awake", 0, "1: never sleep")
	flag.Parse()
	if p.Path == "" {
		p.Path = paths[p.Dialect]
	}
	if p.Port == 0 || dialects[p.Dialect] == nil || p.Conns < 1 || (p.Mode != "closed" && p.Mode != "streams") || (p.Mode == "streams" && p.Events == 0) {
		flag.Usage()
		os.Exit(2)
	}
	p.reply = append([]byte{'"'}, wire.Quote(wire.Reply("0000", p.Reply))...)
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	result, err := run(&p)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
