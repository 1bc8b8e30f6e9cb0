// The Vercel AI SDK with each of its providers that can speak to a gateway. A case is named
// `case:provider`.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import {
  HAIKU, HEADERS, LOOK, MEETING, PICTURE, QUESTION, THINKS, WEATHER, main, refusals, sky,
} from "./case.mjs";

const base = { baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY };
const Meeting = z.object({ city: z.string(), date: z.string() });

function model(provider, name = HAIKU, options = {}) {
  const settings = { ...base, headers: HEADERS, ...options };
  switch (provider) {
    case "anthropic":
      return createAnthropic(settings)(name);
    case "compatible":
      return createOpenAICompatible({
        name: "dragoman", includeUsage: true, supportsStructuredOutputs: true, ...settings,
      })(name);
    case "chat":
      return createOpenAI(settings).chat(name);
    default:
      return createOpenAI(settings).responses(name);
  }
}

// How each provider is asked to think, under the name that it listens to.
const THINKING = {
  anthropic: { thinking: { type: "adaptive" } },
  chat: { reasoningEffort: "high", forceReasoning: true },
  responses: {
    reasoningEffort: "high", reasoningSummary: "auto", forceReasoning: true, store: false,
    include: ["reasoning.encrypted_content"],
  },
  compatible: { reasoningEffort: "high" },
};
const NAMES = { anthropic: "anthropic", compatible: "dragoman" };
const thinking = (provider) => ({ [NAMES[provider] ?? "openai"]: THINKING[provider] });

const told = (text, usage, end) => ({
  text, input: usage.inputTokens, output: usage.outputTokens, end,
});

function weather(calls) {
  return {
    get_weather: tool({
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }) => {
        calls.push(city);
        return sky(city);
      },
    }),
  };
}

main({
  async chat(provider) {
    const made = await generateText({ model: model(provider), prompt: QUESTION });
    return told(made.text, made.usage, made.finishReason);
  },

  async stream(provider) {
    const made = streamText({ model: model(provider), prompt: QUESTION });
    const pieces = [];
    for await (const piece of made.textStream) pieces.push(piece);
    const found = told(pieces.join(""), await made.usage, await made.finishReason);
    return { ...found, pieces: pieces.length };
  },

  async tools(provider) {
    const calls = [];
    const made = await generateText({
      model: model(provider, THINKS), prompt: WEATHER, tools: weather(calls),
      stopWhen: stepCountIs(5), providerOptions: thinking(provider),
    });
    return { text: made.text, calls, reasoning: made.steps[0].reasoningText ?? "" };
  },

  async tools_streamed(provider) {
    const calls = [];
    const made = streamText({
      model: model(provider, THINKS), prompt: WEATHER, tools: weather(calls),
      stopWhen: stepCountIs(5), providerOptions: thinking(provider),
    });
    await made.consumeStream();
    const [first] = await made.steps;
    return { text: await made.text, calls, reasoning: first.reasoningText ?? "" };
  },

  async ends(provider) {
    const ask = () => generateText({ model: model(provider), prompt: QUESTION });
    return [(await ask()).finishReason, (await ask()).finishReason];
  },

  async search(provider) {
    const web_search = provider === "anthropic"
      ? createAnthropic(base).tools.webSearch_20250305({ maxUses: 2 })
      : createOpenAI(base).tools.webSearch({});
    const made = await generateText({
      model: model(provider, THINKS), prompt: "What is the latest news from Mars?",
      tools: { web_search },
    });
    return { text: made.text, sources: made.sources.map((source) => source.url) };
  },

  async picture(provider) {
    const image = { type: "file", mediaType: "image/png", data: PICTURE };
    const content = [{ type: "text", text: LOOK }, image];
    const made = await generateText({
      model: model(provider), messages: [{ role: "user", content }],
    });
    return told(made.text, made.usage, made.finishReason);
  },

  async structured(provider) {
    const made = await generateObject({ model: model(provider), prompt: MEETING, schema: Meeting });
    return made.object;
  },

  async output(provider) {
    const output = Output.object({ schema: Meeting });
    const made = await generateText({ model: model(provider), prompt: MEETING, output });
    return made.output;
  },

  async errors(provider) {
    const ask = (options, name) => generateText({
      model: model(provider, name, options), prompt: QUESTION, maxRetries: 0,
    });
    return refusals({
      key: () => ask({ apiKey: "sk-wrong" }),
      model: () => ask({}, "gpt-9"),
    }, (error) => [error.statusCode, error.isRetryable]);
  },

  async broken_stream(provider) {
    const pieces = [];
    let failed;
    const made = streamText({
      model: model(provider), prompt: QUESTION, maxRetries: 0,
      onError: ({ error }) => { failed = error; },
    });
    for await (const piece of made.textStream) pieces.push(piece);
    return { error: String(failed?.message ?? failed ?? ""), text: pieces.join("") };
  },
});
