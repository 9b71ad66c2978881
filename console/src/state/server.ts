// What is known of the server: whether it answers, and its models. Asks again by itself: seldom while all is well, and
// soon after a failure, so that the pages notice a restart without being reloaded.
import { effect, signal } from "@preact/signals";
import { listModels, type Model } from "../api/client.ts";
import { failureOf, type Failure } from "../api/errors.ts";
import { api_key } from "./settings.ts";

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

export async function checkServer(): Promise<void> {
  clearTimeout(timer);
  if (checking.value) return;
  checking.value = true;
  try {
    const listed = await listModels(api_key.value, AbortSignal.timeout(kAnswerMsMax));
    if (JSON.stringify(listed) !== JSON.stringify(models.value)) models.value = listed;
    failures = 0;
    if (server.value.kind !== "up") server.value = { kind: "up" };
  } catch (error) {
    ++failures;
    server.value = { kind: "down", failure: failureOf(error) };
  } finally {
    checking.value = false;
  }
  const wait_ms = failures === 0 ? kCalmMs : kRetryMs[Math.min(failures, kRetryMs.length) - 1]!;
  timer = setTimeout(() => { if (document.visibilityState === "visible") void checkServer(); }, wait_ms);
}

export function watchServer(): void {
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") void checkServer(); });
  addEventListener("online", () => void checkServer());
  effect(() => {
    void api_key.value;  // a new key may change what is listed
    queueMicrotask(() => void checkServer());
  });
}
