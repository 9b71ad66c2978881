import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { read, write, type Project, type Tenant } from "../../api/admin.ts";
import { failureOf, type Failure } from "../../api/errors.ts";
import { dayText, minuteText } from "../../format/time.ts";
import { may, reachOf, session } from "../../state/session.ts";
import { toast } from "../../state/toasts.ts";
import { Modal } from "../dialogs.tsx";
import { Icon } from "../icon.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { addressOf } from "../view.ts";
import { Empty, Field, PageFrame, Problem, Shown, useLoaded } from "./frame.tsx";

type Open = { what: "tenant" } | { what: "project"; tenant: string } | { what: "disable"; path: string; tenant: string; title: string; text: string } | null;

function NewName({ title, help, send, onClose }: { title: string; help: string; send: (name: string) => Promise<void>; onClose: () => void }) {
  const id = useId();
  const name = useSignal("");
  const failure = useSignal<Failure | null>(null);
  const submit = async () => {
    try {
      await send(name.value);
    } catch (error) {
      failure.value = failureOf(error);
    }
  };
  return (
    <Modal title={title} onClose={onClose}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        <Field label="Name" id={id} help={help}>
          <input id={id} class="field" autofocus autocomplete="off" required maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />
        </Field>
        {failure.value && <Problem failure={failure.value} />}
        <div class="editor-actions">
          <button type="button" class="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="button primary">{title}</button>
        </div>
      </form>
    </Modal>
  );
}

function Confirm({ title, text, send, onClose }: { title: string; text: string; send: () => Promise<void>; onClose: () => void }) {
  const failure = useSignal<Failure | null>(null);
  return (
    <Modal title={title} onClose={onClose}>
      <div class="form">
        <p>{text}</p>
        {failure.value && <Problem failure={failure.value} />}
        <div class="editor-actions">
          <button type="button" class="button" onClick={onClose}>Cancel</button>
          <button type="button" class="button destructive" onClick={() => void send().catch((error: unknown) => { failure.value = failureOf(error); })}>Disable</button>
        </div>
      </div>
    </Modal>
  );
}

export function TenantsPage() {
  const both = useLoaded("tenants", async (signal) => {
    const [tenants, projects] = await Promise.all([
      may("tenant.list") ? read<{ data: Tenant[] }>("/admin/v1/tenants", {}, signal) : { data: [] as Tenant[] },
      read<{ data: Project[] }>("/admin/v1/projects", {}, signal),
    ]);
    return { tenants: tenants.data, projects: projects.data };
  });
  const open = useSignal<Open>(null);
  const close = () => { open.value = null; };
  const change = async (path: string, told: string, body = {}) => {
    await write<unknown>(path, body);
    toast(told);
    close();
    both.again();
  };
  const enable = (path: string, name: string, body = {}) => void change(path, `${name} is enabled again.`, body).catch((error: unknown) => toast(failureOf(error).message));
  const everywhere = reachOf("tenant.list") === "everywhere";
  const tenantMenu = ({ name, disabled_at, operator }: Tenant): MenuItem[] => [
    ...(may("usage.report") ? [{ icon: "chart-column", label: "See its usage", run: () => { location.hash = addressOf("usage", everywhere ? { tenant: name } : {}); } }] : []),
    ...(may("project.create") && (everywhere || name === session.value?.tenant) ? [{ icon: "plus", label: "Add a project", run: () => { open.value = { what: "project", tenant: name }; } }] : []),
    ...(may("tenant.disable") && !operator ? [disabled_at === null
      ? { icon: "ban", label: "Disable", danger: true, run: () => { open.value = { what: "disable", path: `/admin/v1/tenants/${name}/disable`, tenant: "", title: `Disable ${name}?`, text: `None of its keys is good any more, from the next request on, until it is enabled again. What it has used stays in the books.` }; } }
      : { icon: "check", label: "Enable again", run: () => enable(`/admin/v1/tenants/${name}/enable`, name) }] : []),
  ];
  const projectMenu = ({ tenant, name, disabled_at }: Project): MenuItem[] => [
    ...(may("usage.report") ? [{ icon: "chart-column", label: "See its usage", run: () => { location.hash = addressOf("usage", { ...(everywhere ? { tenant } : {}), project: name }); } }] : []),
    ...(may("project.disable") ? [disabled_at === null
      ? { icon: "ban", label: "Disable", danger: true, run: () => { open.value = { what: "disable", path: `/admin/v1/projects/${name}/disable`, tenant, title: `Disable ${name}?`, text: `None of the project's keys is good any more, from the next request on, until it is enabled again.` }; } }
      : { icon: "check", label: "Enable again", run: () => enable(`/admin/v1/projects/${name}/enable`, name, { tenant }) }] : []),
  ];
  const dialog = open.value;
  return (
    <PageFrame title={everywhere ? "Tenants" : "Projects"} lead="A tenant is who pays. It has projects, and a project has keys: usage can be read by each of them."
      actions={may("tenant.create") && <button type="button" class="button primary" onClick={() => { open.value = { what: "tenant" }; }}><Icon name="plus" size={16} />New tenant</button>}>
      {dialog?.what === "tenant" && <NewName title="Make the tenant" help="1 to 64 letters, digits, '.', '_' or '-'. It begins with a project named default." onClose={close} send={(name) => change("/admin/v1/tenants", `${name} was made. Next, make its owner's key.`, { name })} />}
      {dialog?.what === "project" && <NewName title="Add the project" help={`A project of ${dialog.tenant}. 1 to 64 letters, digits, '.', '_' or '-'.`} onClose={close} send={(name) => change("/admin/v1/projects", `${name} was added.`, { tenant: dialog.tenant, name })} />}
      {dialog?.what === "disable" && <Confirm title={dialog.title} text={dialog.text} onClose={close} send={() => change(dialog.path, "Disabled.", dialog.tenant === "" ? {} : { tenant: dialog.tenant })} />}
      <Shown from={both}>
        {({ tenants, projects }) => tenants.length === 0 && projects.length === 0
          ? <Empty icon="building" title="Nothing here" />
          : <div class="tenants">
            {(tenants.length > 0 ? tenants : [undefined]).map((tenant) => {
              const name = tenant?.name ?? session.value?.tenant ?? "";
              return (
                <section class="card" key={name} aria-label={name}>
                  <div class="card-head">
                    <h2>{name}{tenant?.operator && <span class="tag">runs the server</span>}{tenant?.disabled_at != null && <span class="state revoked">Disabled {minuteText(tenant.disabled_at)}</span>}</h2>
                    {tenant && <MenuButton label={`Actions for ${name}`} items={tenantMenu(tenant)} />}
                  </div>
                  {tenant && <p class="soft">since {dayText(tenant.created_at)}{may("key.list") && <> · <a href={addressOf("keys", everywhere ? { tenant: name } : {})}>its keys</a></>}</p>}
                  <ul class="projects">
                    {projects.filter((project) => project.tenant === name).map((project) => (
                      <li key={project.name} class={project.disabled_at === null ? undefined : "past"}>
                        <span>{project.name}{project.disabled_at !== null && <span class="state revoked">Disabled</span>}</span>
                        <MenuButton label={`Actions for project ${project.name} of ${name}`} items={projectMenu(project)} />
                      </li>
                    ))}
                  </ul>
                </section>
              );
            })}
          </div>}
      </Shown>
    </PageFrame>
  );
}
