package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"testing"
)

func TestFramesHoldTheirEvent(t *testing.T) {
	for _, event := range []string{"{}", deltaPrefix + "@0000 “warm”" + deltaSuffix} {
		frame := appendFrame([]byte("before"), []byte(event))[len("before"):]
		u32 := func(at int) uint32 { return binary.BigEndian.Uint32(frame[at:]) }
		end := len(frame) - 4
		if int(u32(0)) != len(frame) || u32(8) != crc32.ChecksumIEEE(frame[:8]) || u32(end) != crc32.ChecksumIEEE(frame[:end]) {
			t.Fatalf("%x", frame)
		}
		payload := frame[12+u32(4) : end]
		var said struct{ Bytes string }
		if err := json.Unmarshal(payload, &said); err != nil {
			t.Fatal(err)
		}
		if got, err := base64.StdEncoding.DecodeString(said.Bytes); err != nil || !bytes.Equal(got, []byte(event)) {
			t.Errorf("%s came back as %s, %v", event, got, err)
		}
	}
}

func TestPathsLeadToTheirDialect(t *testing.T) {
	const google = "/v1/projects/p/locations/global/publishers/anthropic/models/m"
	for path, want := range map[string]target{
		"/v1/messages":                              messages,
		"/v1/chat/completions":                      chat,
		"/anthropic/v1/messages":                    ofAzure,
		"/model/m-v1:0/invoke":                      invoke,
		"/model/m-v1:0/invoke-with-response-stream": invoked,
		google + ":rawPredict":                      predict,
		google + ":streamRawPredict":                streamed,
	} {
		to, found := find([]byte(path))
		if !found || to.dialect != want.dialect || to.streams != want.streams || !bytes.Equal(to.credential, want.credential) {
			t.Errorf("%s leads to %+v, %v", path, to, found)
		}
	}
	for _, path := range []string{"/", "/invoke", "/v1/models", "/model/m/converse", google} {
		if _, found := find([]byte(path)); found {
			t.Errorf("%s leads somewhere", path)
		}
	}
}
