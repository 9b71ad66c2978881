import { useEffect, useState } from "preact/hooks";
import { announce } from "./announcer.tsx";
import { toast } from "../state/toasts.ts";
import { IconButton } from "./icon.tsx";

const kShownMs = 1600;

/// The clipboard API is there on https and localhost only; over plain http the old command still works.
export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}

export function CopyButton({ text, label, size = 16 }: { text: () => string; label: string; size?: number }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), kShownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    if (await writeClipboard(text())) {
      setCopied(true);
      announce("Copied");
    } else {
      toast("The browser did not allow copying. Select the text and copy it by hand.");
    }
  };
  return <IconButton icon={copied ? "check" : "copy"} label={label} size={size} onClick={() => void copy()} />;
}
