// Choices that are kept in this browser: theme, and what the next new conversation starts with.
import { signal } from "@preact/signals";
import type { Parameters } from "../api/client.ts";
import { parametersFrom } from "./transfer.ts";

export type Theme = "auto" | "light" | "dark";

export interface Defaults {
  model: string;
  system: string;
  parameters: Parameters;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`bedplate.${name}`);
  } catch {
    return null;  // storage is switched off: settings last as long as the page
  }
}

function write(name: string, value: string): void {
  try {
    if (value === "") localStorage.removeItem(`bedplate.${name}`);
    else localStorage.setItem(`bedplate.${name}`, value);
  } catch {
    // As above.
  }
}

function readTheme(): Theme {
  const stored = read("theme");
  return stored === "light" || stored === "dark" ? stored : "auto";
}

function readDefaults(): Defaults {
  try {
    const value = JSON.parse(read("defaults") ?? "{}") as Record<string, unknown>;
    return {
      model: typeof value.model === "string" ? value.model : "",
      system: typeof value.system === "string" ? value.system : "",
      parameters: parametersFrom(value.parameters),
    };
  } catch {
    return { model: "", system: "", parameters: {} };
  }
}

write("key", "");  // earlier versions kept the API key here

export const theme = signal<Theme>(readTheme());
export const defaults = signal<Defaults>(readDefaults());
/// Whether the list of conversations is shown beside the chat on wide screens.
export const sidebar_open = signal<boolean>(read("sidebar") !== "closed");
export const parameters_open = signal<boolean>(read("parameters") === "open");

export function setTheme(value: Theme): void {
  theme.value = value;
  write("theme", value === "auto" ? "" : value);
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}

export function setDefaults(change: Partial<Defaults>): void {
  defaults.value = { ...defaults.value, ...change };
  write("defaults", JSON.stringify(defaults.value));
}

export function setSidebarOpen(open: boolean): void {
  sidebar_open.value = open;
  write("sidebar", open ? "" : "closed");
}

export function setParametersOpen(open: boolean): void {
  parameters_open.value = open;
  write("parameters", open ? "open" : "");
}
