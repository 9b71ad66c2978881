// Files out and in, without a server: a download is a blob address, an upload a file input.
import { conversations, takeIn } from "../state/chat.ts";
import type { Conversation } from "../state/conversation.ts";
import { toast } from "../state/toasts.ts";
import { fileNameFor, fromJson, toJson, toMarkdown } from "../state/transfer.ts";

const kImportBytesMax = 64 * 1024 * 1024;

export function download(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function exportMarkdown(conversation: Conversation): void {
  download(fileNameFor(conversation.title, "md"), "text/markdown", toMarkdown(conversation));
}

export function exportJson(conversation: Conversation): void {
  download(fileNameFor(conversation.title, "json"), "application/json", toJson([conversation], new Date()));
}

export function exportAll(): void {
  const all = [...conversations.value.values()];
  if (all.length === 0) toast("There is nothing to export yet.");
  else download(`bedplate-chats-${new Date().toISOString().slice(0, 10)}.json`, "application/json", toJson(all, new Date()));
}

export function importFile(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "application/json,.json";
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) void readFile(file);
  };
  input.click();
}

export async function readFile(file: File): Promise<void> {
  if (file.size > kImportBytesMax) return toast("This file is over 64 MB; the console does not read files that large.");
  try {
    takeIn(fromJson(await file.text(), Date.now()));
  } catch (error) {
    toast(error instanceof Error ? error.message : "This file can't be read.");
  }
}
