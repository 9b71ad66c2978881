import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { conversations, current_id, loaded, newChat, newest_first, openConversation, remove, rename, running, history_kept, type Summary } from "../state/chat.ts";
import { may_use_models } from "../state/session.ts";
import { setSidebarOpen, setTheme, theme, type Theme } from "../state/settings.ts";
import { exportAll, exportJson, exportMarkdown, importFile } from "./files.ts";
import { Icon, IconButton } from "./icon.tsx";
import { MenuButton } from "./menu.tsx";
import { Navigation, SignedInAs } from "./navigation.tsx";
import { dialog, drawer, focusComposer, narrow, page, search } from "./view.ts";

const kDayMs = 86_400_000;

function groupOf(time_ms: number, today_ms: number): string {
  if (time_ms >= today_ms) return "Today";
  if (time_ms >= today_ms - kDayMs) return "Yesterday";
  if (time_ms >= today_ms - 7 * kDayMs) return "Previous 7 days";
  if (time_ms >= today_ms - 30 * kDayMs) return "Previous 30 days";
  return new Date(time_ms).toLocaleDateString(undefined, { month: "long", year: "numeric" });
}

function matches(item: Summary, query: string): boolean {
  if (query === "" || item.title.toLowerCase().includes(query)) return true;
  if (query.length < 2) return false;
  const conversation = conversations.peek().get(item.id);
  return Object.values(conversation?.messages ?? {}).some((message) => message.content.toLowerCase().includes(query));
}

function open(id: string): void {
  page.value = "chat";
  openConversation(id);
  drawer.value = null;
  focusComposer();
}

export function startChat(): void {
  page.value = "chat";
  newChat();
  drawer.value = null;
  focusComposer();
}

function Item({ item }: { item: Summary }) {
  const renaming = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const active = current_id.value === item.id && page.value === "chat";
  useEffect(() => { if (renaming.value) input.current?.select(); }, [renaming.value]);

  if (renaming.value) {
    const finish = (keep: boolean) => {
      if (!renaming.value) return;
      if (keep) rename(item.id, input.current!.value);
      renaming.value = false;
      requestAnimationFrame(() => button.current?.focus());
    };
    return (
      <li class="chat-item renaming">
        <input ref={input} class="field" aria-label="Chat name" defaultValue={item.title} maxLength={80}
          onBlur={() => finish(true)}
          onKeyDown={(event) => {
            if (event.isComposing) return;
            if (event.key === "Enter") finish(true);
            if (event.key === "Escape") { event.stopPropagation(); finish(false); }
          }} />
      </li>
    );
  }
  const whole = () => conversations.peek().get(item.id)!;
  return (
    <li class={`chat-item ${active ? "active" : ""}`}>
      <button type="button" ref={button} class="chat-open" dir="auto" aria-current={active ? "page" : undefined} title={item.title}
        onClick={() => open(item.id)}
        onKeyDown={(event) => {
          if (event.key === "F2") renaming.value = true;
          if (event.key === "Delete") {
            const row = (event.currentTarget as HTMLElement).closest("li")!;
            const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector<HTMLElement>(".chat-open");
            remove(item.id);
            if (next) next.focus(); else focusComposer();
          }
        }}>
        {running.value.has(item.id) && <span class="dot" role="img" aria-label="Answering" />}
        <span class="chat-title">{item.title}</span>
      </button>
      <MenuButton label={`Actions for ${item.title}`} items={[
        { icon: "pencil", label: "Rename", run: () => { renaming.value = true; } },
        { icon: "download", label: "Export as Markdown", run: () => exportMarkdown(whole()) },
        { icon: "download", label: "Export as JSON", run: () => exportJson(whole()) },
        { icon: "trash", label: "Delete", danger: true, run: () => { remove(item.id); focusComposer(); } },
      ]} />
    </li>
  );
}

function ThemeChoice() {
  const choices: [Theme, string, string][] = [["auto", "monitor", "Follow the system"], ["light", "sun", "Light"], ["dark", "moon", "Dark"]];
  return (
    <fieldset class="themes">
      <legend class="off-screen">Theme</legend>
      {choices.map(([value, icon, label]) => (
        <label title={label} class={theme.value === value ? "chosen" : undefined}>
          <input type="radio" class="off-screen" name="theme" value={value} checked={theme.value === value} onChange={() => setTheme(value)} aria-label={label} />
          <Icon name={icon} size={16} />
        </label>
      ))}
    </fieldset>
  );
}

export function Sidebar() {
  return (
    <aside class="sidebar" id="sidebar" aria-label="Chats and settings">
      <div class="sidebar-head">
        <a class="brand" href="#/" onClick={(event) => { event.preventDefault(); startChat(); }}>
          <img src="/favicon.svg" alt="" width={24} height={24} />Bedplate
        </a>
        <IconButton icon={narrow.value ? "x" : "panel-left"} label="Hide the side bar"
          onClick={() => { if (narrow.value) drawer.value = null; else setSidebarOpen(false); }} />
      </div>
      <Navigation />
      {may_use_models.value ? <Chats /> : <div class="chats" />}
      <SignedInAs />
      <div class="sidebar-foot">
        <ThemeChoice />
        <MenuButton label="More" up items={[
          { icon: "keyboard", label: "Keyboard shortcuts", run: () => { dialog.value = "shortcuts"; } },
          { icon: "upload", label: "Import chats", run: importFile },
          { icon: "download", label: "Export all chats", run: exportAll },
          { icon: "scale", label: "Licences", run: () => { location.hash = "#/licences"; drawer.value = null; } },
        ]} />
      </div>
    </aside>
  );
}

function Chats() {
  const found = useComputed(() => {
    const query = search.value.trim().toLowerCase();
    return newest_first.value.filter((item) => matches(item, query));
  });
  const today_ms = new Date().setHours(0, 0, 0, 0);
  const groups = new Map<string, Summary[]>();
  for (const item of found.value) {
    const name = groupOf(item.updated_ms, today_ms);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return (
    <>
      <button type="button" class="button new-chat" onClick={startChat}><Icon name="plus" size={17} />New chat</button>
      <div class="search">
        <Icon name="search" size={15} />
        <input id="search" type="search" class="field" placeholder="Search chats" aria-label="Search chats" value={search.value}
          onInput={(event) => { search.value = event.currentTarget.value; }} />
      </div>
      <nav class="chats" aria-label="Chats">
        {[...groups].map(([name, items]) => (
          <section key={name}>
            <h2>{name}</h2>
            <ul>{items.map((item) => <Item key={item.id} item={item} />)}</ul>
          </section>
        ))}
        {loaded.value && found.value.length === 0 && (
          <p class="quiet">{search.value.trim() === "" ? "Your chats will be listed here. They stay in this browser." : "No chat matches."}</p>
        )}
        {!history_kept.value && <p class="quiet">This browser does not allow storage here: chats last until the tab is closed.</p>}
      </nav>
    </>
  );
}
