import { useLayoutEffect, useState } from "preact/hooks";
import type { Parameters as Values } from "../api/client.ts";
import { change, current, model_in_use, setParameter } from "../state/chat.ts";
import { models } from "../state/server.ts";
import { setParametersOpen } from "../state/settings.ts";
import { IconButton } from "./icon.tsx";
import { drawer, focusComposer, narrow } from "./view.ts";

type NumberName = Exclude<keyof Values, "stop">;

interface Knob {
  name: NumberName;
  label: string;
  help: string;
  min: number;
  max: number;
  step: number;
  neutral?: number;   // where the slider rests while unset; knobs without it have no slider
}

// The ranges are the API's. An empty field sends nothing, and the server's default applies.
const kKnobs: Knob[] = [
  { name: "temperature", label: "Temperature", help: "0 always takes the likeliest token; higher is more varied.", min: 0, max: 2, step: 0.05, neutral: 1 },
  { name: "top_p", label: "Top p", help: "Keeps the likeliest tokens that together reach this probability.", min: 0, max: 1, step: 0.01, neutral: 1 },
  { name: "min_p", label: "Min p", help: "Drops tokens below this share of the likeliest one.", min: 0, max: 1, step: 0.01, neutral: 0 },
  { name: "top_k", label: "Top k", help: "Keeps only the k likeliest tokens; 0 keeps all.", min: 0, max: 1_000_000, step: 1 },
  { name: "max_tokens", label: "Longest answer", help: "Tokens after which the answer is cut off.", min: 1, max: 1_000_000, step: 1 },
  { name: "seed", label: "Seed", help: "The same seed, prompt and parameters give the same answer.", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1 },
  { name: "repetition_penalty", label: "Repetition penalty", help: "Above 1 makes tokens that already occurred less likely.", min: 0.1, max: 2, step: 0.05, neutral: 1 },
  { name: "frequency_penalty", label: "Frequency penalty", help: "Lowers a token by how often it occurred.", min: -2, max: 2, step: 0.1, neutral: 0 },
  { name: "presence_penalty", label: "Presence penalty", help: "Lowers a token once it occurred at all.", min: -2, max: 2, step: 0.1, neutral: 0 },
];

/// The number in a field: undefined when empty, a string saying what is wrong otherwise.
export function parseKnob(text: string, { min, max, step }: Pick<Knob, "min" | "max" | "step">): number | undefined | string {
  if (text.trim() === "") return undefined;
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value) || value < min || value > max) return max > 1000 ? `A number from ${min}` : `A number from ${min} to ${max}`;
  if (step === 1 && !Number.isInteger(value)) return "A whole number";
  return value;
}

function NumberKnob({ knob, note = "" }: { knob: Knob; note?: string }) {
  const value = current.value.parameters[knob.name];
  const [text, setText] = useState(value === undefined ? "" : String(value));
  const parsed = parseKnob(text, knob);
  const wrong = typeof parsed === "string" ? parsed : null;
  const chat = current.value.id;
  // Before the next key can arrive: later it would wipe what was typed meanwhile.
  useLayoutEffect(() => { setText(value === undefined ? "" : String(value)); }, [chat]);
  const take = (next: string) => {
    setText(next);
    const number = parseKnob(next, knob);
    if (typeof number !== "string") setParameter(knob.name, number);
  };
  const id = `knob-${knob.name}`;
  return (
    <div class={`knob ${value === undefined ? "unset" : ""}`}>
      <div class="knob-line">
        <label for={id}>{knob.label}</label>
        <input id={id} class="field" inputMode={knob.step === 1 ? "numeric" : "decimal"} placeholder="default" value={text} autocomplete="off"
          aria-invalid={wrong !== null} aria-describedby={`${id}-help`} onInput={(event) => take(event.currentTarget.value)} />
      </div>
      {knob.neutral !== undefined && (
        <input type="range" aria-label={`${knob.label}, slider`} min={knob.min} max={knob.max} step={knob.step} value={value ?? knob.neutral}
          aria-valuetext={value === undefined ? "server's default" : String(value)} onInput={(event) => take(event.currentTarget.value)} />
      )}
      <p id={`${id}-help`} class={wrong ? "help wrong" : "help"}>{wrong ?? knob.help}{note}</p>
    </div>
  );
}

export function stopsFrom(text: string): string[] | undefined {
  // One to a line; \n and \t can be written out, since a stop text is often a line break.
  const stops = text.split("\n").filter((line) => line !== "").map((line) => line.replace(/\\n/g, "\n").replace(/\\t/g, "\t"));
  return stops.length === 0 ? undefined : stops.slice(0, 16);
}

function StopTexts() {
  const shown = (current.value.parameters.stop ?? []).map((stop) => stop.replace(/\n/g, "\\n").replace(/\t/g, "\\t")).join("\n");
  const [text, setText] = useState(shown);
  useLayoutEffect(() => { setText(shown); }, [current.value.id]);
  return (
    <div class="knob">
      <label for="knob-stop">Stop texts</label>
      <textarea id="knob-stop" class="field" rows={2} value={text} aria-describedby="knob-stop-help" placeholder="none"
        onInput={(event) => { setText(event.currentTarget.value); setParameter("stop", stopsFrom(event.currentTarget.value)); }} />
      <p id="knob-stop-help" class="help">One to a line; the answer ends before the first that appears. \n stands for a line break.</p>
    </div>
  );
}

export function closeParameters(): void {
  if (narrow.value) drawer.value = null;
  else setParametersOpen(false);
  focusComposer();
}

export function ParametersPanel() {
  const { system, parameters, mode } = current.value;
  const [round, setRound] = useState(0);
  const context = models.value.find((model) => model.id === model_in_use.value)?.context_length;
  const context_note = context ? ` Prompt and answer together: at most ${new Intl.NumberFormat().format(context)}.` : "";
  const touched = Object.keys(parameters).length > 0 || system !== "";
  return (
    <aside class="parameters" id="parameters" aria-label="Parameters">
      <div class="panel-head">
        <h2>Parameters</h2>
        <IconButton icon="x" label="Close parameters" onClick={closeParameters} />
      </div>
      <div class="panel-body" key={round}>
        <div class="knob">
          <span id="modes-label" class="label">What the model does</span>
          <div class="modes" role="radiogroup" aria-labelledby="modes-label">
            {([["chat", "Chat"], ["complete", "Continue a text"]] as const).map(([value, label]) => (
              <label class={mode === value ? "chosen" : undefined}>
                <input type="radio" class="off-screen" name="mode" checked={mode === value} onChange={() => change({ mode: value })} />{label}
              </label>
            ))}
          </div>
        </div>
        {mode === "chat" && (
          <div class="knob">
            <label for="system">System prompt</label>
            <textarea id="system" class="field" rows={4} dir="auto" value={system} placeholder="How the model should behave" onInput={(event) => change({ system: event.currentTarget.value })} />
          </div>
        )}
        {kKnobs.map((knob) => <NumberKnob key={knob.name} knob={knob} note={knob.name === "max_tokens" ? context_note : ""} />)}
        <StopTexts />
        <button type="button" class="button" disabled={!touched} onClick={() => { change({ system: "", parameters: {} }); setRound(round + 1); }}>Reset all to defaults</button>
        <p class="help">They belong to this chat. A new chat starts with the ones used last.</p>
      </div>
    </aside>
  );
}
