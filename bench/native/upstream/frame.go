package main

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// Amazon's event-stream encoding: lengths and their checksum, headers, payload, the checksum of all that. The payload
// holds the event in base64, and letters in the order of the alphabet that hide how long it is.

// frameHeaders are those of an event of the kind "chunk": each a name, the type 7 (a text) and its value.
var frameHeaders = func() (out []byte) {
	for _, field := range [][2]string{
		{":event-type", "chunk"}, {":content-type", "application/json"}, {":message-type", "event"},
	} {
		out = append(append(append(out, byte(len(field[0]))), field[0]...), 7)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(field[1]))), field[1]...)
	}
	return out
}()

const (
	payloadOpen  = `{"bytes":"`
	payloadClose = `","p":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"}`
)

// appendFrame appends an event as a frame.
func appendFrame(dst, event []byte) []byte {
	start := len(dst)
	coded := base64.StdEncoding.EncodedLen(len(event))
	total := 12 + len(frameHeaders) + len(payloadOpen) + coded + len(payloadClose) + 4
	dst = binary.BigEndian.AppendUint32(dst, uint32(total))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(frameHeaders)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
	dst = append(append(dst, frameHeaders...), payloadOpen...)
	at := len(dst)
	dst = append(dst, make([]byte, coded)...)
	base64.StdEncoding.Encode(dst[at:], event)
	dst = append(dst, payloadClose...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}
