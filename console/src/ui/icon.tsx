import { h } from "preact";
import nodes from "virtual:icons";

/// A line icon for the eye only: the control around it carries the name.
export function Icon({ name, size = 18 }: { name: string; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {(nodes[name] ?? []).map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}

interface ButtonProps {
  icon: string;
  label: string;
  onClick: (event: MouseEvent) => void;
  size?: number;
  class?: string;
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  hint?: string;   // the tooltip, where it says more than the label
}

export function IconButton({ icon, label, onClick, size, class: extra, disabled, pressed, expanded, hint }: ButtonProps) {
  return (
    <button type="button" class={`icon-button ${extra ?? ""}`} aria-label={label} title={hint ?? label} onClick={onClick}
      disabled={disabled} aria-pressed={pressed} aria-expanded={expanded}>
      <Icon name={icon} size={size ?? 18} />
    </button>
  );
}
