// What is open on the page, and where the keyboard goes: nothing that outlives it.
import { signal } from "@preact/signals";

export type Page = "chat" | "licences" | "overview" | "usage" | "requests" | "keys" | "prices" | "budgets" | "tenants" | "audit";
export type Dialog = "shortcuts" | null;

export const page = signal<Page>("chat");
/// What the address says beyond the page: #/requests/SUBJECT?name=value.
export const subject = signal<string | null>(null);
export const address_args = signal<URLSearchParams>(new URLSearchParams());
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

const kPages: readonly Page[] = ["licences", "overview", "usage", "requests", "keys", "prices", "budgets", "tenants", "audit"];

/// Reads the address; anything that is no page of these is the chat's.
export function readAddress(): void {
  const match = /^#\/([a-z]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(location.hash);
  const named = kPages.find((one) => one === match?.[1]);
  let what: string | null = null;
  try {
    if (named !== undefined && match?.[2]) what = decodeURIComponent(match[2]);
  } catch {
    // A broken address is the page's own.
  }
  page.value = named ?? "chat";
  subject.value = what;
  const args = named === undefined ? "" : (match?.[3] ?? "");
  if (args !== address_args.peek().toString()) address_args.value = new URLSearchParams(args);
}

export type AddressArgs = Record<string, string | undefined>;

/// "#/usage?by=model"
export function addressOf(to: Page, args: AddressArgs = {}, what?: string): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) if (value !== undefined && value !== "") query.set(name, value);
  return `#/${to}${what === undefined ? "" : `/${encodeURIComponent(what)}`}${query.size === 0 ? "" : `?${query.toString()}`}`;
}

/// Changes some of the address's arguments; the rest stays. No new entry in the browser's history: these are settings
/// of one page.
export function setArgs(change: AddressArgs): void {
  const args: AddressArgs = { ...Object.fromEntries(address_args.value), ...change };
  history.replaceState(null, "", addressOf(page.value, args, subject.value ?? undefined));
  readAddress();
}
