// What a screen reader is told. A growing answer is read sentence by sentence: announcing each token would be noise, and
// waiting for the end would be silence.
import { effect, signal } from "@preact/signals";
import { branch, running, current } from "../state/chat.ts";

const spoken = signal("");
let repeat = false;

export function announce(text: string): void {
  repeat = !repeat;
  spoken.value = repeat ? text : `${text}\u00a0`;  // the same words twice are only read when the text differs
}

const kPauseMs = 1500;

/// The end of the last whole sentence or line after `from`; `from` where there is none.
export function sentenceEnd(text: string, from: number): number {
  let end = from;
  for (const match of text.slice(from).matchAll(/[.!?:;](?=\s)|\n|[。！？]/gu)) end = from + match.index + match[0].length;
  return end;
}

export function watchAnswers(): void {
  let message = "";
  let said = 0;
  let last_ms = 0;
  effect(() => {
    const active = running.value.get(current.value.id);
    const last = branch.value.at(-1);
    if (active && last && active.message === last.id) {
      if (message !== last.id) {
        message = last.id;
        said = 0;
        last_ms = performance.now();
        announce("Answering");
      }
      const end = sentenceEnd(last.content, said);
      if (last.finish) return;  // it is about to leave `running`: what is left is told with how it ended, and not before
      if (end === said || performance.now() - last_ms < kPauseMs) return;
      announce(last.content.slice(said, end));
      said = end;
      last_ms = performance.now();
    } else if (last && message === last.id && last.finish) {
      const rest = last.content.slice(said);
      message = "";
      const how = last.finish === "failed" ? `Failed: ${last.failure?.message ?? ""}` : last.finish === "stopped" ? "Stopped" : "Answer finished";
      announce(`${rest} ${how}`);
    }
  });
}

export function Announcer() {
  return <div class="off-screen" role="status" aria-live="polite">{spoken.value}</div>;
}
