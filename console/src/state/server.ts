// What is known of the server: whether it answers, and its models. Asks again by itself: seldom while all is well, and
// soon after a failure, so that the pages notice a restart without being reloaded.
import { effect, signal } from "@preact/signals";
import { readHealth } from "../api/admin.ts";
import { listModels, type Model } from "../api/client.ts";
import { failureOf, type Failure } from "../api/errors.ts";
import { loadSession, may_use_models, session, wants_sign_in } from "./session.ts";

export type ServerState =
  | { kind: "asking" }                      // the first answer is still to come
  | { kind: "up" }
  | { kind: "down"; failure: Failure };

const kCalmMs = 30_000;
const kAnswerMsMax = 10_000;   // a machine that is loading a model may be slow, but not this slow
const kRetryMs = [1000, 2000, 4000, 8000];

export const server = signal<ServerState>({ kind: "asking" });
export const models = signal<Model[]>([]);
export const checking = signal(false);

let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
let again = false;  // something has changed while an answer was still to come

export async function checkServer(): Promise<void> {
  clearTimeout(timer);
  if (checking.value) {
    again = true;
    return;
  }
  checking.value = true;
  try {
    const limit = AbortSignal.timeout(kAnswerMsMax);
    // After a failure anew: a server that was started again knows nobody any more.
    if (session.value === null || failures > 0) await loadSession(limit);
    const listed = wants_sign_in.value ? [] : may_use_models.value ? await listModels(limit) : await readHealth(limit);
    if (JSON.stringify(listed) !== JSON.stringify(models.value)) models.value = listed;
    failures = 0;
    if (server.value.kind !== "up") server.value = { kind: "up" };
  } catch (error) {
    if (wants_sign_in.value) {  // that is no failure of the server's
      server.value = { kind: "up" };
    } else {
      ++failures;
      server.value = { kind: "down", failure: failureOf(error) };
    }
  } finally {
    checking.value = false;
  }
  if (again) {
    again = false;
    return checkServer();
  }
  const wait_ms = failures === 0 ? kCalmMs : kRetryMs[Math.min(failures, kRetryMs.length) - 1]!;
  timer = setTimeout(() => { if (document.visibilityState === "visible") void checkServer(); }, wait_ms);
}

export function watchServer(): void {
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") void checkServer(); });
  addEventListener("online", () => void checkServer());
  effect(() => {
    void session.value;  // another key may change what is listed
    queueMicrotask(() => void checkServer());
  });
}
