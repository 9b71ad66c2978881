import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { dismiss, toasts } from "../state/toasts.ts";
import { IconButton } from "./icon.tsx";
import { dialog } from "./view.ts";

/// A modal dialog; the browser keeps the focus inside, and gives it back when it closes.
export function Modal({ title, children, onClose, wide }: { title: string; children: ComponentChildren; onClose: () => void; wide?: boolean }) {
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
  const title_id = useId();
  return (
    <dialog ref={element} class={wide ? "dialog wide" : "dialog"} aria-labelledby={title_id} onCancel={(event) => { event.preventDefault(); onClose(); }}
      onClick={(event) => { if (event.target === element.current) onClose(); }}>
      <div class="dialog-inner">
        <div class="panel-head">
          <h2 id={title_id}>{title}</h2>
          <IconButton icon="x" label="Close" onClick={onClose} />
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

function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Modal title="Keyboard shortcuts" onClose={onClose}>
      <dl class="shortcuts">
        {kShortcuts.map(([what, keys]) => <div><dt>{what}</dt><dd>{keys.map((key) => <kbd>{key}</kbd>)}</dd></div>)}
      </dl>
    </Modal>
  );
}

export function Dialogs() {
  return dialog.value === "shortcuts" ? <Shortcuts onClose={() => { dialog.value = null; }} /> : null;
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
