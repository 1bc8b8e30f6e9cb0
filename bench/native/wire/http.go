// Package wire holds what the fake upstream and the load generator have in common: the little HTTP/1.1 they need,
// and the texts that one writes and the other checks.
package wire

import (
	"bytes"
	"errors"
	"strconv"
)

// ErrSyntax says that bytes are not the HTTP this package understands.
var ErrSyntax = errors.New("malformed HTTP")

// Head is the start line and what matters of the headers of a request or an answer.
type Head struct {
	Line    []byte // without CRLF
	Length  int    // Content-Length, -1 without
	Chunked bool
	Close   bool
	Encoded bool // has a Content-Encoding
}

var (
	crlf    = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// ParseHead reads a head at the start of data. It returns the head's size, 0 when data ends before it does.
func ParseHead(data []byte) (Head, int, error) {
	end := bytes.Index(data, headEnd)
	if end < 0 {
		return Head{}, 0, nil
	}
	head := Head{Length: -1}
	rest := data[:end+2]
	for first := true; len(rest) > 0; first = false {
		eol := bytes.Index(rest, crlf)
		line := rest[:eol]
		rest = rest[eol+2:]
		if first {
			head.Line = line
		} else if err := head.field(line); err != nil {
			return head, 0, err
		}
	}
	return head, end + len(headEnd), nil
}

func (h *Head) field(line []byte) error {
	if len(line) == 0 || (line[0]|0x20 != 'c' && line[0]|0x20 != 't') {
		return nil
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return ErrSyntax
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case bytes.EqualFold(name, []byte("content-length")):
		length, err := strconv.Atoi(string(value))
		if err != nil || length < 0 {
			return ErrSyntax
		}
		h.Length = length
	case bytes.EqualFold(name, []byte("transfer-encoding")):
		h.Chunked = bytes.EqualFold(value, []byte("chunked"))
	case bytes.EqualFold(name, []byte("connection")):
		h.Close = bytes.EqualFold(value, []byte("close"))
	case bytes.EqualFold(name, []byte("content-encoding")):
		h.Encoded = true
	}
	return nil
}

// Dechunker undoes chunked transfer coding, any split of the input.
type Dechunker struct {
	left  int // of the current chunk, with its CRLF
	line  []byte
	last  bool
	state int
}

const (
	inSize = iota
	inData
	inTrailer
)

// Feed appends the content in data to dst. done says that the body has ended; rest is what follows it.
func (d *Dechunker) Feed(dst, data []byte) (content, rest []byte, done bool, err error) {
	for len(data) > 0 {
		if d.state == inData {
			n := min(d.left, len(data))
			if text := min(n, d.left-2); text > 0 {
				dst = append(dst, data[:text]...)
			}
			data = data[n:]
			if d.left -= n; d.left == 0 {
				d.state = inSize
			}
			continue
		}
		eol := bytes.IndexByte(data, '\n')
		if eol < 0 {
			if d.line = append(d.line, data...); len(d.line) > 1024 {
				return dst, nil, false, ErrSyntax
			}
			return dst, nil, false, nil
		}
		line := data[:eol]
		if len(d.line) > 0 {
			line = append(d.line, line...)
			d.line = d.line[:0]
		}
		data = data[eol+1:]
		if done, err = d.control(bytes.TrimRight(line, "\r")); done || err != nil {
			return dst, data, done, err
		}
	}
	return dst, nil, false, nil
}

// control takes a size line or a trailer line.
func (d *Dechunker) control(line []byte) (done bool, err error) {
	if d.state == inTrailer {
		if len(line) == 0 {
			d.state = inSize
			return true, nil
		}
		return false, nil
	}
	if semicolon := bytes.IndexByte(line, ';'); semicolon >= 0 {
		line = line[:semicolon]
	}
	size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
	if err != nil {
		return false, ErrSyntax
	}
	if size == 0 {
		d.state = inTrailer
		return false, nil
	}
	d.state, d.left = inData, int(size)+2
	return false, nil
}

// AppendChunk appends content as one chunk.
func AppendChunk(dst, content []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(content)), 16)
	dst = append(dst, crlf...)
	dst = append(dst, content...)
	return append(dst, crlf...)
}

// LastChunk ends a chunked body.
var LastChunk = []byte("0\r\n\r\n")
