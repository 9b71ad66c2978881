import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "../api/errors.ts";
import { ask, askAgain, change, current, newChat, running, showSibling } from "../state/chat.ts";
import { siblingsOf, tokensPerSecond, type Message, type Stats } from "../state/conversation.ts";
import { checkServer } from "../state/server.ts";
import { CopyButton } from "./clipboard.tsx";
import { fitHeight } from "./composer.tsx";
import { Icon, IconButton } from "./icon.tsx";
import { Markdown } from "./markdown.tsx";
import { editing, focusComposer } from "./view.ts";

const whole = new Intl.NumberFormat();
const tenth = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function formatSeconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${tenth.format(ms / 1000)} s`;
}

function StatsLine({ stats }: { stats: Stats }) {
  const speed = tokensPerSecond(stats);
  const about = stats.estimated ? "≈ " : "";
  const parts: [string, string][] = [];
  if (speed !== undefined) parts.push([`${about}${tenth.format(speed)} tok/s`, "Tokens a second, after the first one"]);
  if (stats.first_token_ms !== undefined) parts.push([`first token ${formatSeconds(stats.first_token_ms)}`, "From sending to the first token, as this browser saw it"]);
  if (stats.completion_tokens) parts.push([`${about}${whole.format(stats.completion_tokens)} tokens`, stats.estimated ? "Counted by pieces received; the server gave no count" : "Tokens of the answer"]);
  if (stats.prompt_tokens) {
    const cached = stats.cached_tokens ? `, ${whole.format(stats.cached_tokens)} cached` : "";
    parts.push([`prompt ${whole.format(stats.prompt_tokens)}${cached}`, "Tokens of the prompt, and how many of them were already computed"]);
  }
  return <p class="stats">{parts.map(([text, title]) => <span title={title}>{text}</span>)}</p>;
}

/// Server messages name flags and paths; those read better set as code.
export function withCode(text: string) {
  return text.split(/(`[^`\n]+`|--[a-z][\w-]+|\/v1\/[\w/]+)/).map((part, i) => (i % 2 === 1 ? <code>{part.replace(/^`|`$/g, "")}</code> : part));
}

const kHeadings: Record<Failure["kind"], string> = {
  offline: "The server can't be reached",
  broken: "The connection broke off",
  busy: "The server is busy",
  key: "The server wants an API key",
  context: "This chat no longer fits the model",
  template: "This model has no chat template",
  request: "The server refused this request",
  server: "The server reported an error",
};

function FailureCard({ message, failure }: { message: Message; failure: Failure }) {
  const [wait_s, setWait] = useState(failure.kind === "busy" ? Math.max(0, Math.ceil((failure.retry_after_s ?? 0) - (Date.now() - message.created_ms) / 1000)) : 0);
  useEffect(() => {
    if (wait_s <= 0) return;
    const timer = setTimeout(() => setWait(wait_s - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait_s]);
  const retry = () => {
    if (failure.kind === "offline") void checkServer();
    askAgain(message);
  };
  const details = [failure.status && `HTTP ${failure.status}`, failure.code, failure.param && `parameter ${failure.param}`, failure.request_id && `request ${failure.request_id}`].filter(Boolean);
  return (
    <div class="failure" role="group" aria-label={kHeadings[failure.kind]}>
      <Icon name={failure.kind === "offline" ? "wifi-off" : "circle-alert"} />
      <div>
        <p class="failure-head">{kHeadings[failure.kind]}</p>
        <p class="failure-text">{withCode(failure.message)}</p>
        {details.length > 0 && <p class="failure-details">{details.join(" · ")}</p>}
        <div class="failure-actions">
          {failure.kind === "template" && (
            <button type="button" class="button primary" onClick={() => { change({ mode: "complete" }); askAgain(message); }}>Continue the text instead</button>
          )}
          {failure.kind === "context" && <button type="button" class="button primary" onClick={() => { newChat(); focusComposer(); }}>Start a new chat</button>}
          <button type="button" class="button" disabled={wait_s > 0} onClick={retry}>
            <Icon name="refresh-cw" size={15} />{wait_s > 0 ? `Try again in ${wait_s} s` : "Try again"}
          </button>
        </div>
      </div>
    </div>
  );
}

function Siblings({ message }: { message: Message }) {
  const all = siblingsOf(current.value, message);
  if (all.length < 2) return null;
  const at = all.findIndex((other) => other.id === message.id);
  const what = message.role === "user" ? "question" : "answer";
  return (
    <span class="siblings" role="group" aria-label={`Versions of this ${what}`}>
      <IconButton icon="chevron-left" label={`Previous ${what}`} size={16} disabled={at === 0} onClick={() => showSibling(all[at - 1]!)} />
      <span>{at + 1}/{all.length}</span>
      <IconButton icon="chevron-right" label={`Next ${what}`} size={16} disabled={at === all.length - 1} onClick={() => showSibling(all[at + 1]!)} />
    </span>
  );
}

function Editor({ message }: { message: Message }) {
  const [text, setText] = useState(message.content);
  const area = useRef<HTMLTextAreaElement>(null);
  // Before the next key can arrive: a quick Escape or letter belongs to this box.
  useLayoutEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  useLayoutEffect(() => { if (area.current) fitHeight(area.current); }, [text]);
  const leave = () => {
    editing.value = null;
    focusComposer();
  };
  const send = () => {
    if (text.trim() === "") return;
    leave();
    ask(text, message.parent);
  };
  return (
    <form class="editor" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <textarea ref={area} class="field" dir="auto" aria-label="Edit message" value={text} onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); send(); }
          if (event.key === "Escape") { event.stopPropagation(); leave(); }
        }} />
      <div class="editor-actions">
        <button type="button" class="button" onClick={leave}>Cancel</button>
        <button type="submit" class="button primary" disabled={text.trim() === ""}>Send</button>
      </div>
    </form>
  );
}

function Question({ message, busy }: { message: Message; busy: boolean }) {
  if (editing.value === message.id) return <article class="message question editing" aria-label="Your message"><Editor message={message} /></article>;
  return (
    <article class="message question" aria-label="Your message">
      <div class="bubble" dir="auto">{message.content}</div>
      <div class="actions">
        <Siblings message={message} />
        <CopyButton text={() => message.content} label="Copy message" />
        <IconButton icon="pencil" label="Edit message" size={16} disabled={busy} onClick={() => { editing.value = message.id; }} />
      </div>
    </article>
  );
}

const kEndings = { stop: null, failed: null, length: "Cut off at the limit of tokens. Raise “Longest answer” to let it go on.", stopped: "Stopped." };

function Answer({ message, busy }: { message: Message; busy: boolean }) {
  const live = running.value.get(current.value.id)?.message === message.id;
  const ending = live ? null : message.finish ? kEndings[message.finish] : "This answer was interrupted.";
  const plain = current.value.mode === "complete";
  return (
    <article class="message answer" aria-label={`Answer of ${message.model ?? "the model"}`} aria-busy={live}>
      <p class="who"><span class="model-name" dir="auto">{message.model}</span></p>
      {message.reasoning && (
        <details class="reasoning" open={live && message.content === "" ? true : undefined}>
          <summary>{live && message.content === "" ? "Thinking…" : "Thoughts"}</summary>
          <div class="plain" dir="auto">{message.reasoning}</div>
        </details>
      )}
      {plain ? <div class="plain" dir="auto">{message.content}</div> : <Markdown text={message.content} />}
      {live && message.content === "" && !message.reasoning && <p class="waiting" aria-hidden="true"><span /><span /><span /></p>}
      {message.finish === "stop" && message.content === "" && <p class="ending">The model answered with no text.</p>}
      {ending && <p class="ending">{ending}</p>}
      {message.failure && <FailureCard key={message.id} message={message} failure={message.failure} />}
      {message.stats && (live ? message.content !== "" : true) && <StatsLine stats={message.stats} />}
      {!live && (
        <div class="actions">
          <Siblings message={message} />
          {message.content !== "" && <CopyButton text={() => message.content} label="Copy answer" />}
          {!message.failure && <IconButton icon="refresh-cw" label="Answer again" size={16} disabled={busy} onClick={() => askAgain(message)} />}
        </div>
      )}
    </article>
  );
}

export function MessageView({ message, busy }: { message: Message; busy: boolean }) {
  return message.role === "user" ? <Question message={message} busy={busy} /> : <Answer message={message} busy={busy} />;
}
