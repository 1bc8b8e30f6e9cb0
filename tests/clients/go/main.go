// Runs one case: named on the command line, its result printed as JSON.
//
// Both SDKs take the gateway's address and key from the environment by themselves. SIMULATE holds
// directives for the simulator, sent with every request.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

const (
	haiku    = "claude-haiku-4-5"
	thinks   = "claude-sonnet-5-5"
	question = "What is a dragoman?"
	meeting  = "We meet in Lisbon on 2026-12-04."
	weather  = "What is the weather in Paris?"
)

type object = map[string]any

var ctx = context.Background()

var cases = map[string]func() any{
	"chat":             chat,
	"stream":           stream,
	"tools":            tools,
	"structured":       structured,
	"models":           models,
	"errors":           refusals,
	"broken_stream":    brokenStream,
	"responses":        response,
	"responses_stream": responseStream,
	"responses_tools":  responseTools,
	"anthropic_chat":   message,
	"anthropic_stream": messageStream,
	"anthropic_tools":  messageTools,
	"anthropic_models": messageModels,
}

// A tool's answer.
func sky(city string) string { return "sunny in " + city }

// The city in a tool call's arguments.
func cityIn(arguments string) string {
	var given struct{ City string }
	check(json.Unmarshal([]byte(arguments), &given))
	return given.City
}

func citySchema() object {
	return object{
		"type":                 "object",
		"properties":           object{"city": object{"type": "string"}},
		"required":             []string{"city"},
		"additionalProperties": false,
	}
}

func told(text string, input, output int64, end string) object {
	return object{"text": text, "input": input, "output": output, "end": end}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	check(json.NewEncoder(os.Stdout).Encode(cases[os.Args[1]]()))
}
