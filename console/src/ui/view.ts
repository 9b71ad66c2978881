// What is open on the page, and where the keyboard goes: nothing that outlives it.
import { signal } from "@preact/signals";

export type Page = "chat" | "licences";
export type Dialog = "shortcuts" | "key" | null;

export const page = signal<Page>("chat");
export const dialog = signal<Dialog>(null);
export const search = signal("");
/// On narrow screens the side panels lie over the chat, one at a time.
export const narrow = signal(false);
export const drawer = signal<"sidebar" | "parameters" | null>(null);
/// The question being edited, by message id.
export const editing = signal<string | null>(null);

export function watchWidth(): void {
  const query = matchMedia("(max-width: 860px)");
  const apply = () => {
    narrow.value = query.matches;
    drawer.value = null;
  };
  query.addEventListener("change", apply);
  apply();
}

export function focusComposer(): void {
  // At once, so that what is typed next lands in it; and after the next drawing, when the box may only be about to appear.
  document.getElementById("composer")?.focus();
  requestAnimationFrame(() => document.getElementById("composer")?.focus());
}
