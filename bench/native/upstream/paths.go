package main

import "bytes"

// target is what a path leads to.
type target struct {
	dialect    *dialect
	asks       bool   // the body says whether the answer is a stream
	streams    bool   // the path says that it is
	credential []byte // must stand in the request's head; empty: anything goes
}

// Vertex's clients trade a credential for a token here, once, and bring it along with every request.
const (
	tokenPath   = "/token"
	token       = "bench-token-of-google"
	tokenAnswer = `{"access_token":"` + token + `","expires_in":3599,"token_type":"Bearer"}`
)

// Signatures of AWS have this in their header line. Whether they are right is checked by the gateway's own tests.
const signed = "AWS4-HMAC-SHA256 Credential="

var (
	messages = target{dialect: anthropic, asks: true}
	chat     = target{dialect: openai, asks: true}
	ofAzure  = target{dialect: foundry, asks: true, credential: []byte("x-api-key: ")}
	invoke   = target{dialect: bedrock, credential: []byte(signed)}
	invoked  = target{dialect: bedrock, streams: true, credential: []byte(signed)}
	predict  = target{dialect: vertex, credential: []byte("Bearer " + token)}
	streamed = target{dialect: vertex, streams: true, credential: []byte("Bearer " + token)}
)

var endings = []struct {
	of []byte
	to target
}{
	{[]byte("/invoke"), invoke},
	{[]byte("/invoke-with-response-stream"), invoked},
	{[]byte(":rawPredict"), predict},
	{[]byte(":streamRawPredict"), streamed},
}

// find tells what a path leads to: Anthropic's and OpenAI's own, Foundry's, and those of Bedrock and Vertex, which hold
// the model.
func find(path []byte) (target, bool) {
	switch string(path) {
	case "/v1/messages":
		return messages, true
	case "/v1/chat/completions":
		return chat, true
	case "/anthropic/v1/messages":
		return ofAzure, true
	}
	if !bytes.HasPrefix(path, []byte("/model/")) && !bytes.HasPrefix(path, []byte("/v1/projects/")) {
		return target{}, false
	}
	for _, ending := range endings {
		if bytes.HasSuffix(path, ending.of) {
			return ending.to, true
		}
	}
	return target{}, false
}
