package main

import (
	"encoding/json"
	"errors"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

func client(options ...option.RequestOption) openai.Client {
	if directives := os.Getenv("SIMULATE"); directives != "" {
		options = append(options, option.WithHeader("x-simulate", directives))
	}
	return openai.NewClient(options...)
}

func asked(model, text string) openai.ChatCompletionNewParams {
	messages := []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}
	return openai.ChatCompletionNewParams{Model: model, Messages: messages}
}

func completed(made *openai.ChatCompletion) object {
	choice, usage := made.Choices[0], made.Usage
	return told(
		choice.Message.Content, usage.PromptTokens, usage.CompletionTokens, choice.FinishReason,
	)
}

func chat() any {
	api := client()
	made, err := api.Chat.Completions.New(ctx, asked(haiku, question))
	check(err)
	return completed(made)
}

func stream() any {
	api := client()
	params := asked(haiku, question)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	chunks := api.Chat.Completions.NewStreaming(ctx, params)
	whole, pieces := openai.ChatCompletionAccumulator{}, 0
	for chunks.Next() {
		chunk := chunks.Current()
		whole.AddChunk(chunk)
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			pieces++
		}
	}
	check(chunks.Err())
	found := completed(&whole.ChatCompletion)
	found["pieces"] = pieces
	return found
}

func brokenStream() any {
	api := client()
	chunks := api.Chat.Completions.NewStreaming(ctx, asked(haiku, question))
	text := ""
	for chunks.Next() {
		for _, choice := range chunks.Current().Choices {
			text += choice.Delta.Content
		}
	}
	found := object{"text": text}
	if err := chunks.Err(); err != nil {
		found["error"] = err.Error()
	}
	return found
}

func tools() any {
	api := client()
	params := asked(thinks, weather)
	params.ReasoningEffort = shared.ReasoningEffortHigh
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name:        "get_weather",
			Description: openai.String("The weather in a city"),
			Parameters:  citySchema(),
		}),
	}
	calls := []string{}
	for {
		made, err := api.Chat.Completions.New(ctx, params)
		check(err)
		answer := made.Choices[0].Message
		if len(answer.ToolCalls) == 0 {
			return object{"text": answer.Content, "calls": calls}
		}
		params.Messages = append(params.Messages, answer.ToParam())
		for _, call := range answer.ToolCalls {
			city := cityIn(call.Function.Arguments)
			calls = append(calls, city)
			params.Messages = append(params.Messages, openai.ToolMessage(sky(city), call.ID))
		}
	}
}

func structured() any {
	api := client()
	params := asked(haiku, meeting)
	params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name:   "meeting",
			Strict: openai.Bool(true),
			Schema: object{
				"type":                 "object",
				"properties":           object{"city": object{"type": "string"}, "date": object{"type": "string"}},
				"required":             []string{"city", "date"},
				"additionalProperties": false,
			},
		},
	}
	made, err := api.Chat.Completions.New(ctx, params)
	check(err)
	var found struct {
		City string `json:"city"`
		Date string `json:"date"`
	}
	check(json.Unmarshal([]byte(made.Choices[0].Message.Content), &found))
	return found
}

func responded(made *responses.Response) object {
	return told(
		made.OutputText(), made.Usage.InputTokens, made.Usage.OutputTokens, string(made.Status),
	)
}

func responseAsked() responses.ResponseNewParams {
	input := responses.ResponseNewParamsInputUnion{OfString: openai.String(question)}
	return responses.ResponseNewParams{Model: haiku, Input: input, Store: openai.Bool(false)}
}

func response() any {
	api := client()
	made, err := api.Responses.New(ctx, responseAsked())
	check(err)
	return responded(made)
}

func responseStream() any {
	api := client()
	events := api.Responses.NewStreaming(ctx, responseAsked())
	var found object
	pieces := 0
	for events.Next() {
		switch event := events.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			pieces++
		case responses.ResponseCompletedEvent:
			found = responded(&event.Response)
		}
	}
	check(events.Err())
	found["pieces"] = pieces
	return found
}

func responseTools() any {
	api := client()
	items := responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage(weather, responses.EasyInputMessageRoleUser),
	}
	calls := []string{}
	for {
		made, err := api.Responses.New(ctx, responses.ResponseNewParams{
			Model:     thinks,
			Input:     responses.ResponseNewParamsInputUnion{OfInputItemList: items},
			Tools:     []responses.ToolUnionParam{responses.ToolParamOfFunction("get_weather", citySchema(), true)},
			Reasoning: shared.ReasoningParam{Effort: shared.ReasoningEffortHigh},
			Include:   []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent},
			Store:     openai.Bool(false),
		})
		check(err)
		asked := []responses.ResponseFunctionToolCall{}
		for _, item := range made.Output {
			switch one := item.AsAny().(type) {
			case responses.ResponseReasoningItem:
				again := one.ToParam()
				items = append(items, responses.ResponseInputItemUnionParam{OfReasoning: &again})
			case responses.ResponseOutputMessage:
				again := one.ToParam()
				items = append(items, responses.ResponseInputItemUnionParam{OfOutputMessage: &again})
			case responses.ResponseFunctionToolCall:
				again := one.ToParam()
				items = append(items, responses.ResponseInputItemUnionParam{OfFunctionCall: &again})
				asked = append(asked, one)
			}
		}
		if len(asked) == 0 {
			return object{"text": made.OutputText(), "calls": calls}
		}
		for _, call := range asked {
			city := cityIn(call.Arguments)
			calls = append(calls, city)
			answer := responses.ResponseInputItemParamOfFunctionCallOutput(sky(city))
			answer.OfFunctionCallOutput.CallID = openai.String(call.CallID)
			items = append(items, answer)
		}
	}
}

func models() any {
	api := client()
	found := []string{}
	pages := api.Models.ListAutoPaging(ctx)
	for pages.Next() {
		found = append(found, pages.Current().ID)
	}
	check(pages.Err())
	return found
}

// What each refusal is to the program: its status, code and parameter.
func refusals() any {
	api := client()
	found := object{}
	note := func(name string, err error) {
		var failure *openai.Error
		if errors.As(err, &failure) {
			found[name] = []any{failure.StatusCode, failure.Code, failure.Param}
		}
	}
	stranger := client(option.WithAPIKey("sk-wrong"))
	_, err := stranger.Models.List(ctx)
	note("key", err)
	_, err = api.Chat.Completions.New(ctx, asked("gpt-9", question))
	note("model", err)
	hot := asked(haiku, question)
	hot.Temperature = openai.Float(7)
	_, err = api.Chat.Completions.New(ctx, hot)
	note("parameter", err)
	return found
}
