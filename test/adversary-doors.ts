/**
 * Reads an invented conversation in one of three ways, called doors: with `createFileCitationsFetch`, with the functions
 * `repairResponse` and `repairResponseStream`, or with a client from `withFileCitations`. Each door can read plain and streamed
 * responses.
 */
import OpenAI from "openai";
import { vi } from "vitest";
import {
  createFileCitationsFetch,
  repairResponse,
  repairResponseStream,
  withFileCitations,
} from "../src/index.js";
import type { Conversation, Turn } from "./adversary-conversations.js";
import type { ListServer } from "./adversary-world.js";
import { BASE, eventsIn, frames, json, type StreamEvent, streamOf, upstream } from "./upstream.js";

export type Annotation = Record<string, unknown>;
type Output = { content?: { annotations: Annotation[] }[] }[];

/** The result of reading a response. */
export interface Reading {
  output: Output;
  /** The events of a streamed response. */
  events?: StreamEvent[];
}

/** Reads a whole conversation. Yields the result of each turn that this client creates (see `seenTurns`), in order. */
type Door = (conversation: Conversation, server: ListServer, isStreamed: boolean) => AsyncGenerator<Reading>;

/** Waits for a promise. Advances the fake clock only if nothing else is left to wait for. */
export async function settled<Value>(work: Promise<Value>): Promise<Value> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  for (let idle = 0; !isOver && idle < 100; idle++) {
    await new Promise(setImmediate);
    if (isOver || idle % 2 === 0) continue;
    if (vi.getTimerCount() > 0) {
      vi.advanceTimersToNextTimer();
      idle = 0;
    }
  }
  if (!isOver) throw new Error("it waits for nothing, for ever");
  return work;
}

/** Yields the events of a turn. Right before an item's last event, tells the server that the item is complete. */
async function* eventsOf({ response }: Turn, server: ListServer): AsyncGenerator<StreamEvent> {
  for (const event of withLongDeltas(streamOf(response.output))) {
    if (event.type === "response.output_item.done") server.complete(Number(event.output_index));
    const said = event.response as { output: unknown[] } | undefined;
    yield said ? { ...event, response: { ...response, output: said.output } } : event;
  }
}

/** Joins up to six deltas, of one word each, into one delta. With fewer events, the tests run much faster. */
function* withLongDeltas(events: readonly StreamEvent[]): Generator<StreamEvent> {
  let words: StreamEvent[] = [];
  for (const event of events) {
    const isDelta = event.type === "response.output_text.delta";
    if (isDelta) words.push(event);
    if (words.length > 0 && (!isDelta || words.length === 6)) {
      yield { ...words.at(-1)!, delta: words.map(({ delta }) => delta).join("") };
      words = [];
    }
    if (!isDelta) yield event;
  }
}

/** Returns a `fetch` that answers as the API does in this conversation, and `begin`, which starts a turn. */
function apiOf({ turns }: Conversation, server: ListServer, isStreamed: boolean) {
  let turn: Turn | undefined;
  const wholeOf = ({ response }: Turn): Response => {
    server.complete(response.output.length);
    return json(response);
  };
  const streamedOf = (it: Turn): Response => {
    const events = eventsOf(it, server);
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(new TextEncoder().encode(frames([value])));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const { fetch } = upstream({
    list: (container, asked) => server.answer(container, asked),
    answer: ({ method, url }) => {
      const id = new URL(url).pathname.split("/").at(-1);
      if (method === "POST" && turn!.isBackground) {
        return json({ ...turn!.response, status: "queued", output: [] });
      }
      if (method === "GET" && id !== turn!.response.id) {
        return json(turns.find(({ response }) => response.id === id)!.response);
      }
      return isStreamed ? streamedOf(turn!) : wholeOf(turn!);
    },
  });
  const begin = (it: Turn): void => {
    turn = it;
    server.begin(it.index, it.modes);
  };
  return { fetch, begin };
}

/** Returns the turns that this client created. Another client created the other turns of the conversation. */
export const seenTurns = ({ turns }: Conversation): Turn[] => turns.filter(({ isUnseen }) => !isUnseen);

function lastOf(events: StreamEvent[]): Reading {
  return { output: (events.at(-1)!.response as { output: Output }).output, events };
}

export const DOORS: Record<Conversation["door"], Door> = {
  async *fetch(conversation, server, isStreamed) {
    const api = apiOf(conversation, server, isStreamed);
    const fetch = createFileCitationsFetch({ fetch: api.fetch, ...conversation.options });
    for (const turn of seenTurns(conversation)) {
      api.begin(turn);
      const body = JSON.stringify({ ...turn.request, stream: isStreamed });
      let answer = await fetch(`${BASE}/responses`, { method: "POST", body });
      if (turn.isBackground) {
        await answer.json();
        answer = await fetch(`${BASE}/responses/${turn.response.id}${isStreamed ? "?stream=true" : ""}`);
      }
      yield isStreamed ? lastOf(eventsIn(await answer.text())) : ((await answer.json()) as Reading);
    }
  },
  async *functions(conversation, server, isStreamed) {
    for (const turn of seenTurns(conversation)) {
      server.begin(turn.index, turn.modes);
      const options = { ...conversation.options, request: turn.request };
      if (!isStreamed) {
        server.complete(turn.response.output.length);
        const { response } = await repairResponse(turn.response, server.source, options);
        yield response as unknown as Reading;
        continue;
      }
      const events: StreamEvent[] = [];
      for await (const event of repairResponseStream(eventsOf(turn, server), server.source, options))
        events.push(event);
      yield lastOf(events);
    }
  },
  async *client(conversation, server, isStreamed) {
    const api = apiOf(conversation, server, isStreamed);
    const given = new OpenAI({ apiKey: "sk-1", fetch: api.fetch, maxRetries: 0 });
    const client = withFileCitations(given, conversation.options);
    for (const turn of seenTurns(conversation)) {
      api.begin(turn);
      const request = { ...turn.request, stream: isStreamed } as OpenAI.Responses.ResponseCreateParams;
      const answer = (await client.responses.create(request)) as unknown;
      if (!isStreamed) {
        yield answer as Reading;
        continue;
      }
      const events: StreamEvent[] = [];
      for await (const event of answer as AsyncIterable<StreamEvent>) events.push(event);
      yield lastOf(events);
    }
  },
};
