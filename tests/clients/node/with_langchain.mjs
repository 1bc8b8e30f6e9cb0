// LangChain, with the package `@langchain/openai` (both of its APIs). A case is named `case:model`.

import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { HAIKU, HEADERS, MEETING, QUESTION, THINKS, WEATHER, main, sky } from "./case.mjs";

const model = (kind, options) => new ChatOpenAI({
  model: HAIKU, useResponsesApi: kind === "responses",
  configuration: { defaultHeaders: HEADERS }, ...options,
});
const told = ({ text, usage_metadata: usage, response_metadata: meta }) => ({
  text, input: usage.input_tokens, output: usage.output_tokens,
  end: meta.finish_reason ?? meta.status,
});

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
      const said = await bound.invoke(messages);
      messages.push(said);
      if (!said.tool_calls.length) return { text: said.text, calls };
      for (const call of said.tool_calls) {
        const answer = await get_weather.invoke(call);
        messages.push(answer instanceof ToolMessage ? answer : new ToolMessage(answer, call.id));
      }
    }
  },

  async structured(kind) {
    const Meeting = z.object({ city: z.string(), date: z.string() });
    return model(kind).withStructuredOutput(Meeting, { name: "meeting" }).invoke(MEETING);
  },
});
