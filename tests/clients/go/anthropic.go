package main

import (
	"os"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func claude() anthropic.Client {
	options := []option.RequestOption{}
	if directives := os.Getenv("SIMULATE"); directives != "" {
		options = append(options, option.WithHeader("x-simulate", directives))
	}
	return anthropic.NewClient(options...)
}

func messageAsked(model, text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:     model,
		MaxTokens: 4000,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

func textOf(made *anthropic.Message) string {
	text := ""
	for _, block := range made.Content {
		text += block.Text
	}
	return text
}

func messaged(made *anthropic.Message) object {
	usage := made.Usage
	return told(textOf(made), usage.InputTokens, usage.OutputTokens, string(made.StopReason))
}

func message() any {
	api := claude()
	made, err := api.Messages.New(ctx, messageAsked(haiku, question))
	check(err)
	return messaged(made)
}

func messageStream() any {
	api := claude()
	events := api.Messages.NewStreaming(ctx, messageAsked(haiku, question))
	whole, pieces := anthropic.Message{}, 0
	for events.Next() {
		event := events.Current()
		check(whole.Accumulate(event))
		if event.Delta.Type == "text_delta" {
			pieces++
		}
	}
	check(events.Err())
	found := messaged(&whole)
	found["pieces"] = pieces
	return found
}

func messageTools() any {
	api := claude()
	params := messageAsked(thinks, weather)
	tool := anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{
		Properties: object{"city": object{"type": "string"}},
		Required:   []string{"city"},
	}, "get_weather")
	tool.OfTool.Description = anthropic.String("The weather in a city")
	params.Tools = []anthropic.ToolUnionParam{tool}
	calls := []string{}
	for {
		made, err := api.Messages.New(ctx, params)
		check(err)
		if made.StopReason != anthropic.StopReasonToolUse {
			return object{"text": textOf(made), "calls": calls}
		}
		params.Messages = append(params.Messages, made.ToParam())
		answers := []anthropic.ContentBlockParamUnion{}
		for _, block := range made.Content {
			if call, ok := block.AsAny().(anthropic.ToolUseBlock); ok {
				city := cityIn(string(call.Input))
				calls = append(calls, city)
				answers = append(answers, anthropic.NewToolResultBlock(call.ID, sky(city), false))
			}
		}
		params.Messages = append(params.Messages, anthropic.NewUserMessage(answers...))
	}
}

func messageModels() any {
	api := claude()
	found := []string{}
	pages := api.Models.ListAutoPaging(ctx, anthropic.ModelListParams{})
	for pages.Next() {
		found = append(found, pages.Current().ID)
	}
	check(pages.Err())
	return found
}
