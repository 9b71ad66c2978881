// Short notices at the edge of the page, some with one action such as Undo.
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const kShownMs = 6000;
export const toasts = signal<Toast[]>([]);
let next_id = 1;

export function toast(text: string, action?: Toast["action"]): void {
  const id = next_id++;
  toasts.value = [...toasts.value.slice(-2), action ? { id, text, action } : { id, text }];
  setTimeout(() => dismiss(id), kShownMs);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((item) => item.id !== id);
}
