import { useEffect } from "preact/hooks";
import { branch, current, current_id, loaded } from "./state/chat.ts";
import { parameters_open, sidebar_open } from "./state/settings.ts";
import { Announcer } from "./ui/announcer.tsx";
import { Banner } from "./ui/banner.tsx";
import { Composer } from "./ui/composer.tsx";
import { Dialogs, Toasts } from "./ui/dialogs.tsx";
import { Header } from "./ui/header.tsx";
import { Licences } from "./ui/licences.tsx";
import { Messages } from "./ui/messages.tsx";
import { closeParameters, ParametersPanel } from "./ui/parameters.tsx";
import { Sidebar } from "./ui/sidebar.tsx";
import { Welcome } from "./ui/welcome.tsx";
import { drawer, focusComposer, narrow, page } from "./ui/view.ts";

function Chat() {
  if (!loaded.value) return <div class="welcome" />;  // a few milliseconds: neither the empty page nor a chat may flash
  return (
    <>
      {branch.value.length === 0 ? <Welcome /> : <Messages />}
      <div class="composer-frame"><Composer /></div>
    </>
  );
}

export function App() {
  const sidebar = narrow.value ? drawer.value === "sidebar" : sidebar_open.value;
  const parameters = (narrow.value ? drawer.value === "parameters" : parameters_open.value) && page.value === "chat";
  const covered = narrow.value && drawer.value !== null;
  const title = page.value === "licences" ? "Licences" : current_id.value === null ? "New chat" : current.value.title;
  useEffect(() => { document.title = `${title} · Bedplate`; }, [title]);
  useEffect(() => {
    // On a phone a panel takes the place of the chat: the focus goes with it.
    if (covered) document.querySelector<HTMLElement>(`#${drawer.value} button`)?.focus();
  }, [covered, drawer.value]);
  return (
    <div class="app">
      <a class="skip" href="#composer" onClick={(event) => { event.preventDefault(); focusComposer(); }}>Skip to the message box</a>
      {sidebar && <Sidebar />}
      {covered && <div class="cover" onClick={() => { if (drawer.value === "parameters") closeParameters(); else drawer.value = null; }} />}
      <main inert={covered}>
        <Header />
        <Banner />
        {page.value === "licences" ? <Licences /> : <Chat />}
      </main>
      {parameters && <ParametersPanel />}
      <Dialogs />
      <Toasts />
      <Announcer />
    </div>
  );
}
