import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { answering, ask, branch, current, stop } from "../state/chat.ts";
import { models, server } from "../state/server.ts";
import { Icon } from "./icon.tsx";
import { editing } from "./view.ts";

// Unsent text by conversation; it survives a reload of the tab, and switching back and forth.
const kPrefix = "bedplate.unsent.";

function unsent(id: string): string {
  try {
    return sessionStorage.getItem(kPrefix + id) ?? "";
  } catch {
    return "";
  }
}

function setUnsent(id: string, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(kPrefix + id);
    else sessionStorage.setItem(kPrefix + id, text);
  } catch {
    // Storage is off or full: the text stays in the box.
  }
}

export function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const fresh = branch.value.length === 0;
  const key = fresh ? "new" : current.value.id;
  const [text, setText] = useState(() => unsent(key));
  useEffect(() => { setText(unsent(key)); }, [key]);
  useLayoutEffect(() => { if (area.current) fitHeight(area.current); }, [text]);
  useEffect(() => { if (matchMedia("(hover: hover)").matches) area.current?.focus(); }, []);

  const down = server.value.kind === "down" && server.value.failure.kind === "offline";
  const no_model = server.value.kind === "up" && models.value.length === 0;
  const can_send = text.trim() !== "" && !answering.value && !down && !no_model;
  const write = (value: string) => {
    setText(value);
    setUnsent(key, value);
  };
  const send = () => {
    if (!can_send) return;
    write("");
    ask(text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;  // Enter there picks a candidate of an input method
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !answering.value) {
      const last = branch.value.findLast((message) => message.role === "user");
      if (!last) return;
      event.preventDefault();
      editing.value = last.id;
    }
  };
  const complete = current.value.mode === "complete";
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <div class="composer-box">
        <textarea ref={area} id="composer" rows={1} dir="auto" aria-label={complete ? "Text to continue" : "Message"} value={text} autocomplete="off"
          placeholder={complete ? "Write the start of a text" : "Write a message"} aria-describedby="composer-hint"
          onInput={(event) => write(event.currentTarget.value)} onKeyDown={onKeyDown} />
        {answering.value
          ? <button type="button" class="send stop" aria-label="Stop answering" title="Stop (Esc)" onClick={() => stop()}><Icon name="square" size={15} /></button>
          : <button type="submit" class="send" aria-label="Send" title="Send (Enter)" disabled={!can_send}><Icon name="arrow-up" /></button>}
      </div>
      <p id="composer-hint" class="hint">
        <span class="keys"><kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> starts a line.</span>
        <span>Models make mistakes: check what matters.</span>
      </p>
    </form>
  );
}
