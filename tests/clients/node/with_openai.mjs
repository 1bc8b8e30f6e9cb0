// The official `openai` package.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { ResponsesToolRunner, runnerFunction } from "openai/helpers/responses-tool-runner";
import {
  zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat,
} from "openai/helpers/zod";
import { z } from "zod";
import {
  HAIKU, HEADERS, MEETING, QUESTION, THINKS, WEATHER, main, refusals, sky,
} from "./case.mjs";

const client = (options) => new OpenAI({ defaultHeaders: HEADERS, ...options });
const Meeting = z.object({ city: z.string(), date: z.string() });
const asked = { model: HAIKU, messages: [{ role: "user", content: QUESTION }] };
const told = (text, usage, end) => ({
  text, input: usage.prompt_tokens, output: usage.completion_tokens, end,
});
const said = (made) => ({
  text: made.output_text, input: made.usage.input_tokens, output: made.usage.output_tokens,
  end: made.status,
});

const weather = (calls) => zodFunction(weatherTool(calls));

function weatherTool(calls) {
  return {
    name: "get_weather",
    description: "The weather in a city",
    parameters: z.object({ city: z.string() }),
    function: ({ city }) => {
      calls.push(city);
      return sky(city);
    },
  };
}

async function responsesRunner(options) {
  const calls = [];
  const functions = [runnerFunction(zodResponsesFunction(weatherTool(calls)))];
  const made = await new ResponsesToolRunner({ functions }).run(client(), {
    model: THINKS, input: WEATHER, store: false, reasoning: { effort: "high", summary: "auto" },
    include: ["reasoning.encrypted_content"],
  }, options);
  return { text: made.output_text, calls };
}

main({
  async chat() {
    const made = await client().chat.completions.create(asked);
    return told(made.choices[0].message.content, made.usage, made.choices[0].finish_reason);
  },

  async stream() {
    const chunks = await client().chat.completions.create({
      ...asked, stream: true, stream_options: { include_usage: true },
    });
    const pieces = [];
    let usage, end;
    for await (const chunk of chunks) {
      usage = chunk.usage ?? usage;
      for (const choice of chunk.choices) {
        if (choice.delta.content) pieces.push(choice.delta.content);
        end = choice.finish_reason ?? end;
      }
    }
    return { ...told(pieces.join(""), usage, end), pieces: pieces.length };
  },

  async stream_final() {
    const pieces = [];
    const events = client().chat.completions
      .stream({ ...asked, stream_options: { include_usage: true } })
      .on("content", (piece) => pieces.push(piece));
    const made = await events.finalChatCompletion();
    const text = await events.finalContent();
    assert.equal(text, pieces.join(""));
    return { ...told(text, made.usage, made.choices[0].finish_reason), pieces: pieces.length };
  },

  async tools() {
    const calls = [];
    const runner = client().chat.completions.runTools({
      model: THINKS, reasoning_effort: "high", tools: [weather(calls)],
      messages: [{ role: "user", content: WEATHER }],
    });
    return { text: await runner.finalContent(), calls };
  },

  async tools_streamed() {
    const calls = [];
    const runner = client().chat.completions.runTools({
      model: THINKS, reasoning_effort: "high", tools: [weather(calls)], stream: true,
      messages: [{ role: "user", content: WEATHER }],
    });
    return { text: await runner.finalContent(), calls };
  },

  // What a program that wants an object is told where there is none.
  async ends() {
    const parsed = () => client().chat.completions.parse({
      ...asked, response_format: zodResponseFormat(Meeting, "meeting"),
    });
    const found = await refusals({ limit: parsed, refusal: parsed }, () => []);
    return [found.limit[0], found.refusal[0]];
  },

  async structured() {
    const made = await client().chat.completions.parse({
      model: HAIKU, messages: [{ role: "user", content: MEETING }],
      response_format: zodResponseFormat(Meeting, "meeting"),
    });
    return made.choices[0].message.parsed;
  },

  async responses() {
    return said(await client().responses.create({ model: HAIKU, input: QUESTION, store: false }));
  },

  async responses_stream() {
    const pieces = [];
    const events = client().responses
      .stream({ model: HAIKU, input: QUESTION, store: false })
      .on("response.output_text.delta", (event) => pieces.push(event.delta));
    const made = await events.finalResponse();
    assert.equal(made.output_text, pieces.join(""));
    return { ...said(made), pieces: pieces.length };
  },

  async responses_structured() {
    const made = await client().responses.parse({
      model: HAIKU, input: MEETING, store: false, text: { format: zodTextFormat(Meeting, "meeting") },
    });
    return made.output_parsed;
  },

  async responses_tools() {
    const items = [{ role: "user", content: WEATHER }];
    const calls = [];
    for (;;) {
      const made = await client().responses.create({
        model: THINKS, input: items, store: false, include: ["reasoning.encrypted_content"],
        reasoning: { effort: "high", summary: "auto" },
        tools: [{
          type: "function", name: "get_weather", description: "The weather in a city", strict: true,
          parameters: {
            type: "object", properties: { city: { type: "string" } }, required: ["city"],
            additionalProperties: false,
          },
        }],
      });
      items.push(...made.output);
      const wanted = made.output.filter((item) => item.type === "function_call");
      if (!wanted.length) return { text: made.output_text, calls };
      for (const { call_id, arguments: given } of wanted) {
        const { city } = JSON.parse(given);
        calls.push(city);
        items.push({ type: "function_call_output", call_id, output: sky(city) });
      }
    }
  },

  responses_runner: () => responsesRunner({}),

  responses_runner_eager: () => responsesRunner({ stream: true, eager: true }),

  async completions() {
    const made = await client().completions.create({
      model: HAIKU, prompt: QUESTION, max_tokens: 500,
    });
    return told(made.choices[0].text, made.usage, made.choices[0].finish_reason);
  },

  async models() {
    const found = [];
    for await (const model of client().models.list()) found.push(model.id);
    return found;
  },

  async errors() {
    const api = client().chat.completions;
    return refusals({
      key: () => client({ apiKey: "sk-wrong" }).models.list(),
      model: () => api.create({ ...asked, model: "gpt-9" }),
      parameter: () => api.create({ ...asked, temperature: 7 }),
    }, (error) => [error.status, error.code ?? "", error.param ?? ""]);
  },

  async broken_stream() {
    const pieces = [];
    try {
      const chunks = await client().chat.completions.create({ ...asked, stream: true });
      for await (const chunk of chunks) pieces.push(chunk.choices[0]?.delta.content ?? "");
    } catch (error) {
      assert(error instanceof OpenAI.APIError);
      return { error: error.message, text: pieces.join("") };
    }
    return { text: pieces.join("") };
  },
});
