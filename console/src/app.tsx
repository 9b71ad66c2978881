import type { ComponentType } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { branch, current, current_id, loaded } from "./state/chat.ts";
import { server } from "./state/server.ts";
import { may_use_models, session, wants_sign_in } from "./state/session.ts";
import { parameters_open, sidebar_open } from "./state/settings.ts";
import { Announcer } from "./ui/announcer.tsx";
import { Banner } from "./ui/banner.tsx";
import { Composer } from "./ui/composer.tsx";
import { Dialogs, Toasts } from "./ui/dialogs.tsx";
import { Header } from "./ui/header.tsx";
import { Licences } from "./ui/licences.tsx";
import { Messages } from "./ui/messages.tsx";
import { mayOpen } from "./ui/navigation.tsx";
import { AuditPage } from "./ui/pages/audit.tsx";
import { BudgetsPage } from "./ui/pages/budgets.tsx";
import { Empty, PageFrame } from "./ui/pages/frame.tsx";
import { KeysPage } from "./ui/pages/keys.tsx";
import { OverviewPage } from "./ui/pages/overview.tsx";
import { PricesPage } from "./ui/pages/prices.tsx";
import { RequestsPage } from "./ui/pages/requests.tsx";
import { TenantsPage } from "./ui/pages/tenants.tsx";
import { UsagePage } from "./ui/pages/usage.tsx";
import { closeParameters, ParametersPanel } from "./ui/parameters.tsx";
import { Sidebar } from "./ui/sidebar.tsx";
import { SignIn } from "./ui/sign_in.tsx";
import { Welcome } from "./ui/welcome.tsx";
import { drawer, focusComposer, narrow, page, type Page } from "./ui/view.ts";

function Chat() {
  if (!loaded.value) return <div class="welcome" />;  // a few milliseconds: neither the empty page nor a chat may flash
  return (
    <>
      {branch.value.length === 0 ? <Welcome /> : <Messages />}
      <div class="composer-frame"><Composer /></div>
    </>
  );
}

const kPages: Record<Exclude<Page, "chat">, [string, ComponentType]> = {
  licences: ["Licences", Licences], overview: ["Overview", OverviewPage], usage: ["Usage", UsagePage], requests: ["Requests", RequestsPage],
  keys: ["Keys", KeysPage], prices: ["Prices", PricesPage], budgets: ["Budgets", BudgetsPage], tenants: ["Tenants", TenantsPage], audit: ["Audit", AuditPage],
};

function NotOpen({ title }: { title: string }) {
  const who = session.value;
  return (
    <PageFrame title={title}>
      <Empty icon="ban" title="This page is not for this key">
        <p>{who?.role ? `A key of the role ${who.role} may not see what it shows. An owner of ${who.tenant} can make one that may.` : "It needs a server with tenants, and a key with a role: `bedplate tenant init` makes the first one."}</p>
      </Empty>
    </PageFrame>
  );
}

function Shown() {
  const which = page.value;
  if (which === "chat") return <Chat />;
  const [title, Body] = kPages[which];
  return mayOpen(which) ? <Body key={which} /> : <NotOpen title={title} />;
}

export function App() {
  const sidebar = narrow.value ? drawer.value === "sidebar" : sidebar_open.value;
  const chats = page.value === "chat";
  const parameters = (narrow.value ? drawer.value === "parameters" : parameters_open.value) && chats;
  const covered = narrow.value && drawer.value !== null;
  const title = page.value !== "chat" ? kPages[page.value][0] : current_id.value === null ? "New chat" : current.value.title;
  const asks = wants_sign_in.value;
  // Together with what it names: a tab must not wear the title of what it showed before.
  useLayoutEffect(() => { if (!asks) document.title = `${title} · Bedplate`; }, [title, asks]);
  useEffect(() => {
    // On a phone a panel takes the place of the chat: the focus goes with it.
    if (covered) document.querySelector<HTMLElement>(`#${drawer.value} button`)?.focus();
  }, [covered, drawer.value]);
  // Who may use no model has come for the rest.
  useEffect(() => { if (chats && !may_use_models.value && mayOpen("overview")) location.hash = "#/overview"; }, [chats, may_use_models.value]);
  if (asks) return <><SignIn /><Toasts /></>;
  if (session.value === null && server.value.kind === "asking") return <div class="app" />;
  return (
    <div class="app">
      {chats
        ? <a class="skip" href="#composer" onClick={(event) => { event.preventDefault(); focusComposer(); }}>Skip to the message box</a>
        : <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>(".page, .licences")?.focus(); }}>Skip to the page</a>}
      {sidebar && <Sidebar />}
      {covered && <div class="cover" onClick={() => { if (drawer.value === "parameters") closeParameters(); else drawer.value = null; }} />}
      <main inert={covered}>
        {(chats || !sidebar || narrow.value || page.value === "licences") && <Header />}
        <Banner />
        <Shown />
      </main>
      {parameters && <ParametersPanel />}
      <Dialogs />
      <Toasts />
      <Announcer />
    </div>
  );
}
