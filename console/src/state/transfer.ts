// Conversations as files: JSON that can be read back, and Markdown for people. What is read back was written by anyone,
// so each field is checked and nothing else is kept.
import type { Parameters } from "../api/client.ts";
import { branchOf, kTitleMax, titleFrom, type Conversation, type Message, type Stats } from "./conversation.ts";

export const kFormat = "bedplate.conversations";
export const kVersion = 1;
const kMessagesMax = 5000;
const kTextMax = 1_000_000;   // characters a message; the bound of one stored conversation is in store.ts

export function toJson(conversations: Conversation[], now: Date): string {
  return JSON.stringify({ format: kFormat, version: kVersion, exported: now.toISOString(), conversations }, null, 2);
}

export function toMarkdown(conversation: Conversation): string {
  const parts = [`# ${conversation.title}`];
  if (conversation.system.trim() !== "") parts.push(`> **System:** ${conversation.system.trim().replace(/\n/g, "\n> ")}`);
  for (const message of branchOf(conversation)) {
    const who = message.role === "user" ? "You" : (message.model ?? "Assistant");
    parts.push(`## ${who}`, message.content.trim() || `*${message.failure?.message ?? "No text."}*`);
  }
  return `${parts.join("\n\n")}\n`;
}

export function fileNameFor(title: string, extension: string): string {
  const name = title.normalize("NFC").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  return `${name || "conversation"}.${extension}`;
}

type Unknown = Record<string, unknown>;

function isObject(value: unknown): value is Unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, limit = kTextMax): string {
  return typeof value === "string" ? value.slice(0, limit) : "";
}

function time(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 && value < 8.64e15 ? value : otherwise;
}

function numbers<T extends string>(value: unknown, names: readonly T[]): Partial<Record<T, number>> {
  const kept: Partial<Record<T, number>> = {};
  if (!isObject(value)) return kept;
  for (const name of names) {
    const number = value[name];
    if (typeof number === "number" && Number.isFinite(number)) kept[name] = number;
  }
  return kept;
}

export function parametersFrom(value: unknown): Parameters {
  const parameters: Parameters = numbers(value, ["temperature", "top_p", "top_k", "min_p", "max_tokens", "seed",
    "repetition_penalty", "frequency_penalty", "presence_penalty"]);
  const stop = isObject(value) && Array.isArray(value.stop) ? value.stop.filter((item): item is string => typeof item === "string") : [];
  if (stop.length > 0) parameters.stop = stop.slice(0, 16);
  return parameters;
}

function messageFrom(value: Unknown, now: number): Message | undefined {
  if (typeof value.id !== "string" || value.id === "" || (value.role !== "user" && value.role !== "assistant")) return undefined;
  const message: Message = {
    id: value.id.slice(0, 64),
    parent: typeof value.parent === "string" ? value.parent.slice(0, 64) : null,
    role: value.role,
    content: text(value.content),
    created_ms: time(value.created_ms, now),
  };
  if (typeof value.reasoning === "string") message.reasoning = text(value.reasoning);
  if (typeof value.model === "string") message.model = text(value.model, 200);
  const finish = (["stop", "length", "stopped", "failed"] as const).find((known) => known === value.finish);
  if (finish) message.finish = finish;
  if (isObject(value.failure)) message.failure = { kind: "request", message: text(value.failure.message, 2000) };
  const stats: Stats = numbers(value.stats, ["first_token_ms", "decode_ms", "prompt_tokens", "cached_tokens", "completion_tokens"]);
  if (Object.keys(stats).length > 0) message.stats = stats;
  return message;
}

/// A conversation from anything; undefined where it is none. A message whose parent is missing, or whose line of
/// parents does not end (a loop), is dropped.
export function conversationFrom(value: unknown, now: number): Conversation | undefined {
  if (!isObject(value) || !isObject(value.messages)) return undefined;
  const all = new Map<string, Message>();
  for (const raw of Object.values(value.messages).slice(0, kMessagesMax)) {
    const message = isObject(raw) ? messageFrom(raw, now) : undefined;
    if (message) all.set(message.id, message);
  }
  const rooted = new Set<string>();
  const messages: Record<string, Message> = Object.create(null) as Record<string, Message>;
  for (const message of all.values()) {
    const line: string[] = [];
    let at: Message | undefined = message;
    while (at && !rooted.has(at.id) && line.length <= all.size) {
      line.push(at.id);
      if (at.parent === null) break;
      at = all.get(at.parent);
    }
    if (at && line.length <= all.size) line.forEach((id) => rooted.add(id));
  }
  for (const id of rooted) messages[id] = all.get(id)!;
  const leaf = typeof value.leaf === "string" && rooted.has(value.leaf) ? value.leaf : ([...rooted].at(-1) ?? null);
  const first = Object.values(messages).find((message) => message.parent === null);
  return {
    id: typeof value.id === "string" && /^[\w-]{1,64}$/.test(value.id) ? value.id : "",
    title: text(value.title, kTitleMax) || titleFrom(first?.content ?? ""),
    titled_by_user: value.titled_by_user === true,
    created_ms: time(value.created_ms, now),
    updated_ms: time(value.updated_ms, now),
    model: text(value.model, 200),
    mode: value.mode === "complete" ? "complete" : "chat",
    system: text(value.system),
    parameters: parametersFrom(value.parameters),
    messages: { ...messages },
    leaf,
  };
}

/// The conversations in a file that toJson wrote (or one that looks like it). Throws an Error that says what is wrong.
export function fromJson(json: string, now: number): Conversation[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error("This file is not JSON.");
  }
  if (!isObject(value) || value.format !== kFormat || !Array.isArray(value.conversations)) {
    throw new Error("This file holds no conversations exported from this console.");
  }
  if (typeof value.version !== "number" || value.version > kVersion) {
    throw new Error(`This file has version ${String(value.version)}; this console reads up to ${kVersion}.`);
  }
  const conversations = value.conversations.map((item) => conversationFrom(item, now)).filter((item) => item !== undefined);
  if (conversations.length === 0) throw new Error("This file holds no conversation that can be read.");
  return conversations;
}
