// The conversations, the one on show, and the answers being written. The only place that changes conversations.
import { computed, signal } from "@preact/signals";
import { streamAnswer, type Parameters, type StreamEvent } from "../api/client.ts";
import { failureOf } from "../api/errors.ts";
import {
  branchOf, kTitleMax, leafBelow, promptFor, titleFrom, turnsFor, withChange, withMessage, without,
  type Conversation, type Message, type Stats,
} from "./conversation.ts";
import { checkServer, models } from "./server.ts";
import { defaults, setDefaults } from "./settings.ts";
import { ConversationStore, overflow } from "./store.ts";
import { toast } from "./toasts.ts";

/// All conversations by id. A new one is held in `draft` until its first message, so that empty ones never pile up.
export const conversations = signal<ReadonlyMap<string, Conversation>>(new Map());
export const draft = signal<Conversation>(freshConversation());
export const current_id = signal<string | null>(null);
export const history_kept = signal(true);
export const loaded = signal(false);

export const current = computed<Conversation>(
  () => (current_id.value !== null ? conversations.value.get(current_id.value) : undefined) ?? draft.value);
export const branch = computed<Message[]>(() => branchOf(current.value));
export interface Summary {
  id: string;
  title: string;
  updated_ms: number;
}
let summaries: Summary[] = [];
/// What the side bar lists. The same array as long as nothing in it changes, so that a growing answer redraws no list.
export const newest_first = computed<Summary[]>(() => {
  const next = [...conversations.value.values()]
    .map(({ id, title, updated_ms }) => ({ id, title, updated_ms }))
    .sort((a, b) => b.updated_ms - a.updated_ms);
  const same = next.length === summaries.length && next.every((item, i) =>
    item.id === summaries[i]!.id && item.title === summaries[i]!.title && item.updated_ms === summaries[i]!.updated_ms);
  if (!same) summaries = next;
  return summaries;
});

const kSaveEveryMs = 2000;  // what closing the tab in the middle of an answer can lose

interface Running {
  message: string;
  abort: AbortController;
}
/// The answers being written, by conversation: one each, and switching conversations does not stop them.
export const running = signal<ReadonlyMap<string, Running>>(new Map());
export const answering = computed(() => running.value.has(current.value.id));

let store: ConversationStore | undefined;

function newId(): string {
  // randomUUID exists only on https and localhost; the console is also used over plain http on a local network.
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function freshConversation(): Conversation {
  const now = Date.now();
  const { model, system, parameters } = defaults.value;
  return {
    id: newId(), title: "New chat", titled_by_user: false, created_ms: now, updated_ms: now, model, mode: "chat", system,
    parameters, messages: {}, leaf: null,
  };
}

export async function loadHistory(): Promise<void> {
  store = await ConversationStore.open();
  history_kept.value = store !== undefined;
  try {
    const all = (await store?.all()) ?? [];
    conversations.value = new Map([...all.map((item) => [item.id, item] as const), ...conversations.value]);
  } catch {
    history_kept.value = false;
  }
  store?.onOtherTab((id) => void readAgain(id));
  openFromAddress();
  loaded.value = true;
}

async function readAgain(id: string): Promise<void> {
  if (running.value.has(id)) return;  // this tab's answer is newer than what the other one wrote
  const conversation = await store?.get(id);
  const next = new Map(conversations.value);
  if (conversation) next.set(id, conversation);
  else next.delete(id);
  conversations.value = next;
  if (!conversation && current_id.value === id) newChat();
}

/// The address names the conversation (#/c/ID), so that a reload and the back button do what one expects.
export function openFromAddress(): void {
  const id = /^#\/c\/([\w-]+)$/.exec(location.hash)?.[1] ?? null;
  current_id.value = id !== null && conversations.value.has(id) ? id : null;
}

export function openConversation(id: string): void {
  location.hash = `#/c/${id}`;
  openFromAddress();
}

export function newChat(): void {
  draft.value = freshConversation();
  if (location.hash !== "") location.hash = "#/";
  current_id.value = null;
}

function keep(conversation: Conversation): void {
  conversations.value = new Map(conversations.value).set(conversation.id, conversation);
}

/// Writes to the browser's storage; failing to (a full disk) is told once, and the page goes on.
async function save(id: string): Promise<void> {
  const conversation = conversations.value.get(id);
  if (!conversation || !store || !history_kept.value) return;
  try {
    await store.put(conversation);
    const gone = overflow([...conversations.value.values()], id);
    if (gone.length === 0) return;
    const left = new Map(conversations.value);
    for (const old of gone) {
      left.delete(old.id);
      await store.remove(old.id);
    }
    conversations.value = left;
    toast(gone.length === 1 ? `History is full: “${gone[0]!.title}” was removed.` : `History is full: the ${gone.length} oldest chats were removed.`);
  } catch {
    history_kept.value = false;
    toast("This browser refused to store the conversation. It stays open in this tab only.");
  }
}

/// Changes the conversation on show, the draft included.
export function change(what: Partial<Pick<Conversation, "model" | "mode" | "system" | "parameters">>): void {
  const conversation = { ...current.value, ...what };
  if (conversation.id === draft.value.id) draft.value = conversation;
  else {
    keep(conversation);
    void save(conversation.id);
  }
  const { model, system, parameters } = conversation;
  setDefaults({ model, system, parameters });
}

export function setParameter<K extends keyof Parameters>(name: K, value: Parameters[K] | undefined): void {
  const parameters = { ...current.value.parameters };
  if (value === undefined) delete parameters[name];
  else parameters[name] = value;
  change({ parameters });
}

/// The model that will answer: the conversation's where the server has it, else the first one listed.
export const model_in_use = computed<string>(() => {
  const wanted = current.value.model;
  if (models.value.some((model) => model.id === wanted)) return wanted;
  return models.value[0]?.id ?? wanted;
});

/// Adds a question below `parent` (by default at the end of the branch) and asks for its answer.
export function ask(text: string, parent: string | null = current.value.leaf): void {
  if (text.trim() === "" || answering.value) return;
  let conversation = current.value;
  const first = Object.keys(conversation.messages).length === 0;
  const question: Message = { id: newId(), parent, role: "user", content: text, created_ms: Date.now() };
  conversation = { ...withMessage(conversation, question), model: model_in_use.value };
  if (first && !conversation.titled_by_user) conversation.title = titleFrom(text);
  keep(conversation);
  if (first) {
    openConversation(conversation.id);
    draft.value = freshConversation();
  }
  void answer(conversation.id, question.id);
}

/// Asks once more for an answer to the same question. The old answer stays as a sibling, unless it failed with no text.
export function askAgain(message: Message): void {
  if (answering.value || message.parent === null) return;
  if (message.finish === "failed" && message.content === "") keep(without(current.value, message.id));
  void answer(current.value.id, message.parent);
}

export function showSibling(message: Message): void {
  const conversation = current.value;
  keep({ ...conversation, leaf: leafBelow(conversation, message.id) });
  void save(conversation.id);
}

export function stop(id = current.value.id): void {
  running.value.get(id)?.abort.abort();
}

/// Runs one answer from the request to its end. Every way out leaves the message with a `finish` and saves it.
async function answer(id: string, question: string): Promise<void> {
  const abort = new AbortController();
  const model = model_in_use.value;
  const message: Message = { id: newId(), parent: question, role: "assistant", content: "", created_ms: Date.now(), model };
  const conversation = conversations.value.get(id);
  if (!conversation) return;
  keep(withMessage(conversation, message));
  running.value = new Map(running.value).set(id, { message: message.id, abort });
  void save(id);

  const progress = new Progress(id, message.id);
  try {
    const { parameters } = conversation;
    const request = conversation.mode === "chat"
      ? { model, parameters, turns: turnsFor(conversation, question) }
      : { model, parameters, prompt: promptFor(conversation, question) };
    for await (const event of streamAnswer(request, abort.signal)) progress.take(event);
    progress.end({});
  } catch (error) {
    if (abort.signal.aborted) {
      progress.end({ finish: "stopped" });
    } else {
      const failure = failureOf(error);
      progress.end({ finish: "failed", failure });
      if (failure.kind === "offline" || failure.kind === "broken") void checkServer();
    }
  }
  const left = new Map(running.value);
  left.delete(id);
  running.value = left;
  await save(id);
}

/// Gathers the pieces of one answer and shows them about once a frame (a fast model sends several a millisecond), and
/// less often as it grows, since cutting 100,000 characters of Markdown into tokens takes longer than a frame.
class Progress {
  private readonly conversation: string;
  private readonly message: string;
  private readonly start_ms = performance.now();
  private first_ms = 0;
  private last_ms = 0;
  private pieces = 0;
  private text = "";
  private reasoning = "";
  private finish: "stop" | "length" = "stop";
  private usage: Stats | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private saved_ms = this.start_ms;

  constructor(conversation: string, message: string) {
    this.conversation = conversation;
    this.message = message;
  }

  take(event: StreamEvent): void {
    if (event.type === "usage") this.usage = { ...event.usage };
    if (event.type === "finish") this.finish = event.reason === "length" ? "length" : "stop";
    if (event.type !== "text" && event.type !== "reasoning") return;
    this.last_ms = performance.now();
    if (this.pieces++ === 0) this.first_ms = this.last_ms;
    if (event.type === "text") this.text += event.text;
    else this.reasoning += event.text;
    if (this.last_ms - this.saved_ms > kSaveEveryMs) {
      this.saved_ms = this.last_ms;
      this.show({});
      void save(this.conversation);
    }
    this.timer ??= setTimeout(() => { this.timer = undefined; this.show({}); }, Math.min(250, 16 + this.text.length / 500));
  }

  end(change: Partial<Message>): void {
    clearTimeout(this.timer);
    this.show({ finish: this.finish, ...change });
  }

  private show(change: Partial<Message>): void {
    const conversation = conversations.value.get(this.conversation);
    if (!conversation) return;  // deleted while it was being answered
    const stats: Stats = this.usage ?? { completion_tokens: this.pieces, estimated: true };
    if (this.pieces > 0) {
      stats.first_token_ms = this.first_ms - this.start_ms;
      stats.decode_ms = this.last_ms - this.first_ms;
    }
    const all: Partial<Message> = { content: this.text, stats: { ...stats }, ...change };
    if (this.reasoning !== "") all.reasoning = this.reasoning;
    keep(withChange(conversation, this.message, all));
  }
}

export function rename(id: string, title: string): void {
  const conversation = conversations.value.get(id);
  const trimmed = title.trim().slice(0, kTitleMax);
  if (!conversation || trimmed === "") return;
  keep({ ...conversation, title: trimmed, titled_by_user: true });
  void save(id);
}

/// Removes a conversation; the notice can bring it back.
export function remove(id: string): void {
  const conversation = conversations.value.get(id);
  if (!conversation) return;
  stop(id);
  const left = new Map(conversations.value);
  left.delete(id);
  conversations.value = left;
  if (current_id.value === id) newChat();
  void store?.remove(id).catch(() => undefined);
  toast(`Deleted “${conversation.title}”.`, {
    label: "Undo",
    run: () => {
      keep(conversation);
      void save(id);
      openConversation(id);
    },
  });
}

/// Takes conversations from a file. One whose id is already here comes in as a copy: nothing is overwritten.
export function takeIn(incoming: Conversation[]): void {
  for (const conversation of incoming) {
    const id = conversation.id === "" || conversations.value.has(conversation.id) ? newId() : conversation.id;
    keep({ ...conversation, id });
    void save(id);
  }
  toast(incoming.length === 1 ? "Imported 1 conversation." : `Imported ${incoming.length} conversations.`);
}
