package wire

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestOrderGoesRound(t *testing.T) {
	for _, order := range []Order{
		{ID: "0042", Reply: 280},
		{ID: "zz0a", Events: 200, Rate: 50},
		{ID: "0000", Events: 10, Hold: 4000},
	} {
		body := []byte(`{"content":"Please go on. ` + order.String() + ` and so on"}`)
		if got, found := ParseOrder(body); !found || got != order {
			t.Errorf("%v came back as %v, %v", order, got, found)
		}
	}
	for _, body := range []string{"", "bench:", "bench:id=1:reply=1 ", "bench:id=0000:reply=x ", "bench:id=0000:speed=1 "} {
		if _, found := ParseOrder([]byte(body)); found {
			t.Errorf("%q was taken for an order", body)
		}
	}
}

func TestStampGoesRound(t *testing.T) {
	var buffer [StampSize]byte
	want := Stamp{Number: 9999, Sent: 1_763_640_000_123_456_789, Late: 1_234_000}
	PutStamp(buffer[:], "00ab", want)
	id, got, ok := ParseStamp(append(buffer[:], " and then"...))
	if !ok || string(id) != "00ab" || got != want {
		t.Errorf("%s came back as %s %v %v", buffer, id, got, ok)
	}
	if _, _, ok := ParseStamp([]byte("Hello, this is not a stamp at all")); ok {
		t.Error("plain text was taken for a stamp")
	}
}

func TestProseIsWholeCharacters(t *testing.T) {
	for size := 0; size < 2000; size++ {
		if text := Prose(size); !utf8.ValidString(text) || len(text) > size || len(text) < size-3 {
			t.Fatalf("%d bytes asked, %d given, valid: %v", size, len(text), utf8.ValidString(text))
		}
	}
}

func TestHead(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 12\r\nConnection: close\r\n\r\nrest"
	for cut := range text {
		head, size, err := ParseHead([]byte(text[:cut]))
		complete := cut >= len(text)-len("rest")
		if err != nil || (size > 0) != complete {
			t.Fatalf("cut at %d: size %d, %v", cut, size, err)
		}
		if complete && (string(head.Line) != "HTTP/1.1 200 OK" || head.Length != 12 || !head.Close || head.Chunked) {
			t.Fatalf("%+v", head)
		}
	}
	if _, _, err := ParseHead([]byte("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n")); err == nil {
		t.Error("a negative length was accepted")
	}
}

func TestDechunkerWhateverTheSplit(t *testing.T) {
	body := AppendChunk(nil, []byte("Hello"))
	body = AppendChunk(body, bytes.Repeat([]byte("x\r\n"), 100))
	body = append(append(body, LastChunk...), "next"...)
	want := "Hello" + string(bytes.Repeat([]byte("x\r\n"), 100))
	for step := 1; step <= len(body); step++ {
		var d Dechunker
		var content []byte
		ended := false
		for at := 0; at < len(body) && !ended; at += step {
			piece := body[at:min(at+step, len(body))]
			out, rest, done, err := d.Feed(content, piece)
			if err != nil {
				t.Fatal(err)
			}
			content = out
			if ended = done; done && string(rest) != "next"[:len(rest)] {
				t.Fatalf("rest %q", rest)
			}
		}
		if !ended || string(content) != want {
			t.Fatalf("step %d: ended %v, %q", step, ended, content)
		}
	}
	var d Dechunker
	if _, _, _, err := d.Feed(nil, []byte("zz\r\n")); err == nil {
		t.Error("a size that is no number was accepted")
	}
}
