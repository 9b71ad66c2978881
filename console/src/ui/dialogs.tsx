import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api_key, setApiKey } from "../state/settings.ts";
import { dismiss, toasts } from "../state/toasts.ts";
import { IconButton } from "./icon.tsx";
import { dialog } from "./view.ts";

/// A modal dialog; the browser keeps the focus inside, and gives it back when it closes.
function Modal({ title, children }: { title: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const box = element.current!;
    const before = document.activeElement;
    box.showModal();
    return () => {
      box.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const close = () => { dialog.value = null; };
  return (
    <dialog ref={element} class="dialog" aria-labelledby="dialog-title" onCancel={(event) => { event.preventDefault(); close(); }}
      onClick={(event) => { if (event.target === element.current) close(); }}>
      <div class="dialog-inner">
        <div class="panel-head">
          <h2 id="dialog-title">{title}</h2>
          <IconButton icon="x" label="Close" onClick={close} />
        </div>
        {children}
      </div>
    </dialog>
  );
}

const kMac = /Mac|iPhone|iPad/.test(navigator.platform);
const kCommand = kMac ? "⌘" : "Ctrl";
const kShortcuts: [what: string, keys: string[]][] = [
  ["Send", ["Enter"]],
  ["New line", ["Shift", "Enter"]],
  ["Stop the answer", ["Esc"]],
  ["Edit your last message", ["↑"]],
  ["Go to the message box", ["/"]],
  ["New chat", [kCommand, "Shift", "O"]],
  ["Search chats", [kCommand, "K"]],
  ["Previous or next chat", ["Alt", "↑ ↓"]],
  ["Show or hide the side bar", [kCommand, "B"]],
  ["Show or hide parameters", [kCommand, "."]],
  ["Copy the last answer", [kCommand, "Shift", "C"]],
  ["Rename, delete a chat in the list", ["F2", "Del"]],
  ["This list", ["?"]],
];

function Shortcuts() {
  return (
    <Modal title="Keyboard shortcuts">
      <dl class="shortcuts">
        {kShortcuts.map(([what, keys]) => <div><dt>{what}</dt><dd>{keys.map((key) => <kbd>{key}</kbd>)}</dd></div>)}
      </dl>
    </Modal>
  );
}

function ApiKey() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Modal title="API key">
      <form onSubmit={(event) => { event.preventDefault(); setApiKey(input.current!.value); dialog.value = null; }}>
        <p class="help">Only needed where the server asks for one. It is kept in this browser and sent to this server alone.</p>
        <label for="api-key" class="off-screen">API key</label>
        <input id="api-key" ref={input} class="field wide" type="password" autocomplete="off" spellcheck={false} autofocus defaultValue={api_key.value} placeholder="No key" />
        <div class="editor-actions">
          <button type="button" class="button" onClick={() => { setApiKey(""); dialog.value = null; }}>Remove</button>
          <button type="submit" class="button primary">Save</button>
        </div>
      </form>
    </Modal>
  );
}

export function Dialogs() {
  return dialog.value === "shortcuts" ? <Shortcuts /> : dialog.value === "key" ? <ApiKey /> : null;
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((item) => (
        <div class="toast" key={item.id}>
          <span>{item.text}</span>
          {item.action && <button type="button" class="button" onClick={() => { item.action!.run(); dismiss(item.id); }}>{item.action.label}</button>}
          <IconButton icon="x" label="Dismiss" size={15} onClick={() => dismiss(item.id)} />
        </div>
      ))}
    </div>
  );
}
