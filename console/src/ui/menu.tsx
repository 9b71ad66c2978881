import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface MenuItem {
  icon: string;
  label: string;
  run: () => void;
  danger?: boolean;
}

/// A button with a menu, as the ARIA practices describe it: arrows move, Home and End jump, Escape closes and gives the
/// focus back. The menu is a popover, so that no scrolling parent cuts it off.
export function MenuButton({ label, items, icon = "ellipsis", up = false }: { label: string; items: MenuItem[]; icon?: string; up?: boolean }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    if (!open || !menu.current || !button.current) return;
    const box = menu.current, from = button.current.getBoundingClientRect();
    box.showPopover();
    const { width, height } = box.getBoundingClientRect();
    const below = from.bottom + 4;
    const top = up || below + height > innerHeight - 8 ? Math.max(8, from.top - height - 4) : below;
    box.style.top = `${top}px`;
    box.style.left = `${Math.max(8, Math.min(from.right - width, innerWidth - width - 8))}px`;
    box.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, [open, up]);

  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (!menu.current?.contains(event.target as Node) && !button.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    addEventListener("resize", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      removeEventListener("resize", close);
    };
  }, [open]);

  const leave = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(menu.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) all[to]?.focus();
    else if (event.key === "Escape") leave();
    else if (event.key === "Tab") setOpen(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <button type="button" ref={button} class="icon-button" aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open}
        onClick={() => setOpen(!open)}>
        <Icon name={icon} />
      </button>
      {open && (
        <div ref={menu} class="menu" role="menu" aria-label={label} popover="manual" onKeyDown={onKeyDown}>
          {items.map((item) => (
            <button type="button" role="menuitem" tabIndex={-1} class={item.danger ? "danger" : undefined}
              onClick={() => { leave(); item.run(); }}>
              <Icon name={item.icon} size={16} />{item.label}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
