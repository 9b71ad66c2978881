// What people call keys, where the server only says their ids.
import { signal } from "@preact/signals";
import { read, type Key } from "../api/admin.ts";
import { may, session } from "./session.ts";

const names = signal<ReadonlyMap<string, string>>(new Map());
let asked_for: unknown = null;

/// The key's name, or its id; asks once for each session. A list that can't be had leaves the ids.
export function keyName(id: string): string {
  if (asked_for !== session.value && may("key.list")) {
    asked_for = session.value;
    void read<{ data: Key[] }>("/admin/v1/keys").then(({ data }) => takeKeyNames(data), () => undefined);
  }
  return names.value.get(id) || id;
}

export function takeKeyNames(keys: readonly Key[]): void {
  names.value = new Map(keys.map((key) => [key.id, key.name]));
}
