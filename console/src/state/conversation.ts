// A conversation is a tree of messages: editing a question or asking again adds a sibling, so nothing that was said is
// lost. `leaf` names the last message of the branch on show. All functions here are pure and return new values.
import type { Parameters, Turn } from "../api/client.ts";
import type { Failure } from "../api/errors.ts";

/// How fast an answer came. Times in milliseconds, as this browser saw them.
export interface Stats {
  first_token_ms?: number;   // from sending to the first piece of text
  decode_ms?: number;        // from the first piece to the last
  prompt_tokens?: number;
  cached_tokens?: number;
  completion_tokens?: number;
  estimated?: boolean;       // completion_tokens counts pieces, since the server gave no usage (stopped early)
}

export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  content: string;
  created_ms: number;
  reasoning?: string;
  model?: string;
  finish?: "stop" | "length" | "stopped" | "failed";
  failure?: Failure;
  stats?: Stats;
}

export type Mode = "chat" | "complete";

export interface Conversation {
  id: string;
  title: string;
  titled_by_user: boolean;
  created_ms: number;
  updated_ms: number;
  model: string;
  mode: Mode;
  system: string;
  parameters: Parameters;
  messages: Record<string, Message>;
  leaf: string | null;
}

export const kTitleMax = 80;

/// The branch on show, first message first.
export function branchOf(conversation: Conversation, leaf = conversation.leaf): Message[] {
  const branch: Message[] = [];
  for (let id = leaf; id !== null;) {
    const message: Message | undefined = conversation.messages[id];
    if (!message || branch.length > Object.keys(conversation.messages).length) break;
    branch.push(message);
    id = message.parent;
  }
  return branch.reverse();
}

/// The messages with the same parent and role, oldest first, `message` among them.
export function siblingsOf(conversation: Conversation, message: Message): Message[] {
  return Object.values(conversation.messages)
    .filter((other) => other.parent === message.parent && other.role === message.role)
    .sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
}

/// The newest leaf below `id`.
export function leafBelow(conversation: Conversation, id: string): string {
  const all = Object.values(conversation.messages);
  for (let at = id;;) {
    const children = all.filter((message) => message.parent === at).sort((a, b) => b.created_ms - a.created_ms);
    if (!children[0]) return at;
    at = children[0].id;
  }
}

export function withMessage(conversation: Conversation, message: Message): Conversation {
  return {
    ...conversation,
    messages: { ...conversation.messages, [message.id]: message },
    leaf: message.id,
    updated_ms: Math.max(conversation.updated_ms, message.created_ms),
  };
}

export function withChange(conversation: Conversation, id: string, change: Partial<Message>): Conversation {
  const message = conversation.messages[id];
  if (!message) return conversation;
  return { ...conversation, messages: { ...conversation.messages, [id]: { ...message, ...change } } };
}

/// Drops a message that has nothing below it, and shows its parent.
export function without(conversation: Conversation, id: string): Conversation {
  const { [id]: gone, ...messages } = conversation.messages;
  return gone ? { ...conversation, messages, leaf: gone.parent } : conversation;
}

/// What a model is asked: the system prompt and the branch up to `leaf`. Answers that failed with no text are left out,
/// and the questions around such a gap become one: many chat templates refuse two user turns in a row.
export function turnsFor(conversation: Conversation, leaf: string): Turn[] {
  const turns: Turn[] = [];
  for (const { role, content } of branchOf(conversation, leaf)) {
    const last = turns.at(-1);
    if (role === "assistant" && content === "") continue;
    if (last?.role === role) last.content += `\n\n${content}`;
    else turns.push({ role, content });
  }
  const system = conversation.system.trim();
  return system === "" ? turns : [{ role: "system", content: conversation.system }, ...turns];
}

/// In "complete" mode the model continues one text: everything on the branch, joined as it stands.
export function promptFor(conversation: Conversation, leaf: string): string {
  return branchOf(conversation, leaf).map((message) => message.content).join("");
}

export function titleFrom(text: string): string {
  const line = text.replace(/[`*#>_]+/g, "").replace(/\s+/g, " ").trim();
  const characters = [...line];  // by code point, so that no emoji is cut in half
  if (characters.length <= 60) return line || "New chat";
  const cut = characters.slice(0, 60).join("");
  const space = cut.lastIndexOf(" ");
  return `${(space > 30 ? cut.slice(0, space) : cut).trimEnd()}…`;
}

/// Tokens a second while decoding; undefined where there is too little to say.
export function tokensPerSecond(stats: Stats): number | undefined {
  const tokens = (stats.completion_tokens ?? 0) - 1;  // the first token belongs to the wait before it
  if (tokens < 1 || !stats.decode_ms || stats.decode_ms <= 0) return undefined;
  return tokens / (stats.decode_ms / 1000);
}
