// The official `@anthropic-ai/sdk` package.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { betaZodOutputFormat, betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";
import {
  HAIKU, HEADERS, MEETING, QUESTION, THINKS, WEATHER, main, refusals, sky,
} from "./case.mjs";

const client = (options) => new Anthropic({ defaultHeaders: HEADERS, ...options });
const messages = [{ role: "user", content: QUESTION }];
const asked = { model: HAIKU, max_tokens: 500, messages };
const told = (made) => ({
  text: made.content.map((block) => block.text ?? "").join(""),
  input: made.usage.input_tokens, output: made.usage.output_tokens, end: made.stop_reason,
});

main({
  async chat() {
    return told(await client().messages.create(asked));
  },

  async stream() {
    const pieces = [];
    const events = client().messages.stream(asked).on("text", (piece) => pieces.push(piece));
    const made = await events.finalMessage();
    assert.equal(await events.finalText(), pieces.join(""));
    return { ...told(made), pieces: pieces.length };
  },

  async tools() {
    const calls = [];
    const get_weather = betaZodTool({
      name: "get_weather",
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        calls.push(city);
        return sky(city);
      },
    });
    const made = await client().beta.messages.toolRunner({
      model: THINKS, max_tokens: 4000, tools: [get_weather],
      messages: [{ role: "user", content: WEATHER }],
    });
    return { text: told(made).text, calls };
  },

  async structured() {
    const made = await client().beta.messages.parse({
      model: HAIKU, max_tokens: 500, messages: [{ role: "user", content: MEETING }],
      output_format: betaZodOutputFormat(z.object({ city: z.string(), date: z.string() })),
    });
    return made.parsed_output;
  },

  async count() {
    const made = await client().messages.create(asked);
    const counted = await client().messages.countTokens({ model: HAIKU, messages });
    return [counted.input_tokens, made.usage.input_tokens];
  },

  async models() {
    const found = [];
    for await (const model of client().models.list({ limit: 1000 })) found.push(model.id);
    return found;
  },

  async errors() {
    return refusals({
      key: () => client({ apiKey: "sk-wrong" }).messages.create(asked),
      model: () => client().messages.create({ ...asked, model: "gpt-9" }),
      parameter: () => client().messages.create({ ...asked, max_tokens: -1 }),
    }, (error) => [error.status, error.type]);
  },

  async broken_stream() {
    const pieces = [];
    try {
      const events = client().messages.stream(asked).on("text", (piece) => pieces.push(piece));
      await events.finalMessage();
    } catch (error) {
      assert(error instanceof Anthropic.APIError);
      return { error: error.type, text: pieces.join("") };
    }
    return { text: pieces.join("") };
  },
});
