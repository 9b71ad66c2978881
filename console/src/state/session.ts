// Who is signed in. The key itself is never kept here: the browser holds a cookie that scripts can't read.
import { computed, signal } from "@preact/signals";
import { beginSession, endSession, readSession, type Reach, type Session } from "../api/admin.ts";
import { onSessionEnded } from "../api/client.ts";

/// null: not known yet.
export const session = signal<Session | null>(null);
export const wants_sign_in = computed(() => session.value !== null && session.value.keys_asked && !session.value.signed_in);
export const may_use_models = computed(() => session.value?.signed_in !== true || session.value.may_use_models !== false);
/// Why somebody has to sign in who was signed in before.
export const sign_in_reason = signal<string | null>(null);

/// How far this key goes with a verb of the admin API; undefined: not at all.
export function reachOf(verb: string): Reach | undefined {
  return session.value?.may?.[verb];
}
export function may(verb: string): boolean {
  return reachOf(verb) !== undefined;
}
/// Sees more than one project's, or one tenant's.
export function seesProjects(verb: string): boolean {
  return reachOf(verb) === "tenant" || reachOf(verb) === "everywhere";
}
export function seesTenants(verb: string): boolean {
  return reachOf(verb) === "everywhere";
}

export async function loadSession(signal_: AbortSignal): Promise<void> {
  const told = await readSession(signal_);
  if (JSON.stringify(told) !== JSON.stringify(session.value)) session.value = told;
}

export async function signIn(key: string): Promise<void> {
  session.value = await beginSession(key.trim());
  sign_in_reason.value = null;
}

export async function signOut(): Promise<void> {
  session.value = await endSession();
  sign_in_reason.value = null;
}

onSessionEnded((message) => {
  if (session.value === null || wants_sign_in.value) return;
  sign_in_reason.value = session.value.signed_in ? message : null;
  session.value = { keys_asked: true, signed_in: false };
});
