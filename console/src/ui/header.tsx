import { change, current, model_in_use } from "../state/chat.ts";
import { models, server } from "../state/server.ts";
import { may_use_models } from "../state/session.ts";
import { parameters_open, setParametersOpen, setSidebarOpen, sidebar_open } from "../state/settings.ts";
import { Icon, IconButton } from "./icon.tsx";
import { startChat } from "./sidebar.tsx";
import { drawer, narrow, page } from "./view.ts";

function ModelPicker() {
  const listed = models.value;
  const wanted = current.value.model;
  if (listed.length === 0) {
    return <span class="no-model">{server.value.kind === "up" ? "No model is loaded" : server.value.kind === "asking" ? "Connecting…" : (wanted || "No server")}</span>;
  }
  return (
    <span class="model-box">
      <select id="model" class="model-picker" aria-label="Model" value={model_in_use.value} onChange={(event) => change({ model: event.currentTarget.value })}>
        {listed.map((model) => (
          <option value={model.id} selected={model.id === model_in_use.value}>{model.id}</option>
        ))}
      </select>
      <Icon name="chevron-down" size={15} />
    </span>
  );
}

export function toggleParameters(): void {
  if (narrow.value) drawer.value = drawer.value === "parameters" ? null : "parameters";
  else setParametersOpen(!parameters_open.value);
}

export function toggleSidebar(): void {
  if (narrow.value) drawer.value = drawer.value === "sidebar" ? null : "sidebar";
  else setSidebarOpen(!sidebar_open.value);
}

export function Header() {
  const sidebar = narrow.value ? drawer.value === "sidebar" : sidebar_open.value;
  const parameters = narrow.value ? drawer.value === "parameters" : parameters_open.value;
  return (
    <header class="bar">
      {!sidebar && <IconButton icon={narrow.value ? "menu" : "panel-left"} label="Show the side bar" expanded={false} onClick={toggleSidebar} />}
      {page.value === "chat" ? <ModelPicker /> : page.value === "licences" && <span class="bar-title">Licences</span>}
      <span class="bar-space" />
      {page.value === "chat" && may_use_models.value && <IconButton icon="plus" label="New chat" onClick={startChat} class="only-narrow" />}
      {page.value === "chat" && <IconButton icon="sliders-horizontal" label="Parameters" expanded={parameters} onClick={toggleParameters} />}
    </header>
  );
}
