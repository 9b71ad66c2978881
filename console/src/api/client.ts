// The OpenAI-shaped API of the server this page came from. Everything it answers is treated as unknown until checked.
import { ApiError, failureFrom } from "./errors.ts";
import { readEvents } from "./sse.ts";

export interface Model {
  id: string;
  context_length?: number;
}

export interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

/// Sampling parameters; one that is absent is left to the server.
export interface Parameters {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  seed?: number;
  repetition_penalty?: number;
  frequency_penalty?: number;
  presence_penalty?: number;
  stop?: string[];
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

/// One thing that happened in a stream. `text` and `reasoning` are pieces to append.
export type StreamEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "finish"; reason: string }
  | { type: "usage"; usage: Usage };

/// What to ask: a conversation by its turns, or a text to be continued as it is.
export type Ask = { model: string; parameters: Parameters } & ({ turns: Turn[] } | { prompt: string });

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}

let session_ended: (message: string) => void = () => undefined;
/// Called when the server says that it no longer knows this browser.
export function onSessionEnded(told: (message: string) => void): void {
  session_ended = told;
}

export async function failWith(response: Response): Promise<never> {
  const body: unknown = await response.text().then((text) => JSON.parse(text) as unknown).catch(() => undefined);
  const failure = failureFrom(response.status, body, response.headers);
  if (failure.code === "session_ended" || failure.code === "missing_api_key") session_ended(failure.message);
  throw new ApiError(failure);
}

export async function listModels(signal: AbortSignal): Promise<Model[]> {
  const response = await fetch("/v1/models", { signal, cache: "no-store" });
  if (!response.ok) await failWith(response);
  const data = object(await response.json().catch(() => undefined)).data;
  if (!Array.isArray(data)) throw new ApiError(failureFrom(0, { message: "/v1/models did not answer with a list." }));
  return data.map(object).filter((entry) => typeof entry.id === "string").map((entry) => {
    const context = count(entry.context_length);
    return context > 0 ? { id: entry.id as string, context_length: context } : { id: entry.id as string };
  });
}

/// Streams one answer. Rejects with ApiError, with the abort's reason, or with fetch's TypeError when there is no server.
export async function* streamAnswer(ask: Ask, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const { model, parameters } = ask;
  const chat = "turns" in ask;
  const body = {
    model, ...(chat ? { messages: ask.turns } : { prompt: ask.prompt }), ...parameters,
    stream: true, stream_options: { include_usage: true },
  };
  const response = await fetch(chat ? "/v1/chat/completions" : "/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) await failWith(response);
  if (!response.body || !/^text\/event-stream\b/.test(response.headers.get("content-type") ?? "")) {
    throw new ApiError(failureFrom(0, { message: "The server did not answer with an event stream." }));
  }
  for await (const data of readEvents(response.body)) {
    if (data === "[DONE]") return;
    yield* eventsOf(data, response.headers);
  }
  throw new ApiError({ kind: "broken", message: "The connection closed before the answer was complete." });
}

/// The events in one `data:` payload.
export function* eventsOf(data: string, response_headers?: Headers): Generator<StreamEvent> {
  let chunk: Record<string, unknown>;
  try {
    chunk = object(JSON.parse(data));
  } catch {
    throw new ApiError(failureFrom(0, { message: "The server sent an event that is not JSON." }, response_headers));
  }
  if (chunk.error) throw new ApiError(failureFrom(0, chunk, response_headers));
  const choice = object(Array.isArray(chunk.choices) ? chunk.choices[0] : undefined);
  const delta = object(choice.delta);
  const reasoning = delta.reasoning_content ?? delta.reasoning;
  if (typeof reasoning === "string" && reasoning !== "") yield { type: "reasoning", text: reasoning };
  const text = delta.content ?? choice.text;
  if (typeof text === "string" && text !== "") yield { type: "text", text };
  if (typeof choice.finish_reason === "string") yield { type: "finish", reason: choice.finish_reason };
  if (typeof chunk.usage === "object" && chunk.usage !== null) {
    const usage = object(chunk.usage);
    yield {
      type: "usage",
      usage: {
        prompt_tokens: count(usage.prompt_tokens),
        completion_tokens: count(usage.completion_tokens),
        cached_tokens: count(object(usage.prompt_tokens_details).cached_tokens),
      },
    };
  }
}
