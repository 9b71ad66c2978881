// The shortcuts that work everywhere on the page; the list for people is in dialogs.tsx.
import { answering, branch, current, newest_first, openConversation, stop } from "../state/chat.ts";
import { setSidebarOpen } from "../state/settings.ts";
import { announce } from "./announcer.tsx";
import { writeClipboard } from "./clipboard.tsx";
import { toggleParameters, toggleSidebar } from "./header.tsx";
import { startChat } from "./sidebar.tsx";
import { dialog, drawer, focusComposer, narrow, page } from "./view.ts";

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function openNeighbour(step: number): void {
  const list = newest_first.value;
  const at = list.findIndex((item) => item.id === current.value.id);
  const next = list[at < 0 ? 0 : at + step];
  if (next) {
    page.value = "chat";
    openConversation(next.id);
  }
}

function searchChats(): void {
  if (narrow.value) drawer.value = "sidebar";
  else setSidebarOpen(true);
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}

function copyLastAnswer(): void {
  const last = branch.value.findLast((message) => message.role === "assistant" && message.content !== "");
  if (last) void writeClipboard(last.content).then((copied) => announce(copied ? "Copied" : "The browser did not allow copying"));
}

/// True when the key meant something here.
function handle(event: KeyboardEvent): boolean {
  const command = event.ctrlKey || event.metaKey;
  if (event.key === "Escape") {
    if (drawer.value !== null) drawer.value = null;
    else if (answering.value) stop();
    else return false;
    focusComposer();
    return true;
  }
  if (command && event.shiftKey && event.code === "KeyO") return startChat(), true;
  if (command && event.shiftKey && event.code === "KeyC") return copyLastAnswer(), true;
  if (command && !event.shiftKey && event.code === "KeyK") return searchChats(), true;
  if (command && !event.shiftKey && event.code === "KeyB") return toggleSidebar(), true;
  if (command && event.key === ".") return toggleParameters(), true;
  if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) return openNeighbour(event.key === "ArrowUp" ? -1 : 1), true;
  if (command || event.altKey || typing(event.target)) return false;
  if (event.key === "/") return focusComposer(), true;
  if (event.key === "?") return (dialog.value = "shortcuts"), true;
  return false;
}

export function watchKeyboard(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || dialog.value !== null) return;
    if (handle(event)) event.preventDefault();
  });
}
