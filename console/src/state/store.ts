// Where conversations are kept: this browser's IndexedDB, one record each. Nothing leaves the browser.
//
// Bounds: kConversationsMax records and kBytesMax of text in all; the least recently used go first, and the caller is
// told which, so that it can say so. Without IndexedDB (private windows of some browsers) `open` resolves to undefined
// and the pages say that history ends with the tab.
import { conversationFrom } from "./transfer.ts";
import type { Conversation } from "./conversation.ts";

export const kConversationsMax = 500;
export const kBytesMax = 64 * 1024 * 1024;
const kStore = "conversations";

/// Rough bytes of a conversation's text: what the bound is counted in.
export function sizeOf(conversation: Conversation): number {
  let characters = conversation.system.length + 200;
  for (const message of Object.values(conversation.messages)) {
    characters += message.content.length + (message.reasoning?.length ?? 0) + 200;
  }
  return characters * 2;
}

/// Which conversations go so that the rest fit the bounds, oldest first; never `keep`.
export function overflow(conversations: Conversation[], keep: string | null): Conversation[] {
  const newest_first = [...conversations].sort((a, b) => b.updated_ms - a.updated_ms);
  const gone: Conversation[] = [];
  let count = 0, bytes = 0;
  for (const conversation of newest_first) {
    const size = sizeOf(conversation);
    if (conversation.id === keep || (count < kConversationsMax && bytes + size <= kBytesMax)) {
      ++count;
      bytes += size;
    } else {
      gone.push(conversation);
    }
  }
  return gone.reverse();
}

export class ConversationStore {
  private readonly database: IDBDatabase;
  private readonly channel: BroadcastChannel;

  private constructor(database: IDBDatabase) {
    this.database = database;
    this.channel = new BroadcastChannel("bedplate.conversations");
  }

  static open(): Promise<ConversationStore | undefined> {
    return new Promise((resolve) => {
      try {
        const request = indexedDB.open("bedplate", 1);
        request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: "id" });
        request.onsuccess = () => resolve(new ConversationStore(request.result));
        request.onerror = request.onblocked = () => resolve(undefined);
      } catch {
        resolve(undefined);
      }
    });
  }

  async all(): Promise<Conversation[]> {
    const records = await this.run<unknown[]>("readonly", (store) => store.getAll());
    return records.map((record) => conversationFrom(record, Date.now())).filter((item) => item !== undefined && item.id !== "") as Conversation[];
  }

  async get(id: string): Promise<Conversation | undefined> {
    return conversationFrom(await this.run<unknown>("readonly", (store) => store.get(id)), Date.now());
  }

  async put(conversation: Conversation): Promise<void> {
    await this.run("readwrite", (store) => store.put(conversation));
    this.channel.postMessage(conversation.id);
  }

  async remove(id: string): Promise<void> {
    await this.run("readwrite", (store) => store.delete(id));
    this.channel.postMessage(id);
  }

  /// Calls back with the id of a conversation that another tab wrote or removed.
  onOtherTab(changed: (id: string) => void): void {
    this.channel.onmessage = (event) => { if (typeof event.data === "string") changed(event.data); };
  }

  private run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(kStore, mode);
      const request = work(transaction.objectStore(kStore));
      transaction.oncomplete = () => resolve(request.result as T);
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("The browser's storage failed."));
    });
  }
}
