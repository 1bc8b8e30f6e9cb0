// LangChain, with the package `@langchain/openai` (both of its APIs). A case is named `case:model`.

import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import {
  HAIKU, HEADERS, LOOK, MEETING, PICTURE, QUESTION, THINKS, WEATHER, main, sky,
} from "./case.mjs";

const model = (kind, options) => new ChatOpenAI({
  model: HAIKU, useResponsesApi: kind === "responses",
  configuration: { defaultHeaders: HEADERS }, ...options,
});
const told = ({ text, usage_metadata: usage, response_metadata: meta }) => ({
  text, input: usage.input_tokens, output: usage.output_tokens,
  end: meta.finish_reason ?? meta.status,
});

async function loop(kind, ask) {
  const calls = [];
  const get_weather = tool(({ city }) => {
    calls.push(city);
    return sky(city);
  }, {
    name: "get_weather", description: "The weather in a city",
    schema: z.object({ city: z.string() }),
  });
  const bound = model(kind, { model: THINKS, reasoning: { effort: "high" } })
    .bindTools([get_weather]);
  const messages = [new HumanMessage(WEATHER)];
  for (;;) {
    const said = await ask(bound, messages);
    messages.push(said);
    if (!said.tool_calls.length) return { text: said.text, calls };
    for (const call of said.tool_calls) messages.push(await get_weather.invoke(call));
  }
}

async function put_together(bound, messages) {
  let whole;
  for await (const chunk of await bound.stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
  return whole;
}

main({
  async chat(kind) {
    return told(await model(kind).invoke(QUESTION));
  },

  async stream(kind) {
    let whole, pieces = 0;
    for await (const chunk of await model(kind).stream(QUESTION)) {
      whole = whole ? whole.concat(chunk) : chunk;
      pieces += chunk.text ? 1 : 0;
    }
    return { ...told(whole), pieces };
  },

  async tools(kind) {
    return loop(kind, (bound, messages) => bound.invoke(messages));
  },

  async tools_streamed(kind) {
    return loop(kind, put_together);
  },

  async picture(kind) {
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PICTURE}` } };
    const content = [{ type: "text", text: LOOK }, image];
    return told(await model(kind).invoke([new HumanMessage({ content })]));
  },

  async structured(kind) {
    const Meeting = z.object({ city: z.string(), date: z.string() });
    return model(kind).withStructuredOutput(Meeting, { name: "meeting" }).invoke(MEETING);
  },
});
