import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { read, type Key, type NewKey, type Project } from "../../api/admin.ts";
import { count } from "../../format/count.ts";
import { dayText, minuteText } from "../../format/time.ts";
import { takeKeyNames } from "../../state/names.ts";
import { may, reachOf, session } from "../../state/session.ts";
import { Icon } from "../icon.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { addressOf, address_args, setArgs } from "../view.ts";
import { Empty, PageFrame, Select, Shown, useLoaded } from "./frame.tsx";
import { KeyForm, LimitsForm, RevokeKey, RotateKey, SecretShown } from "./key_dialogs.tsx";
import { useTenants } from "./prices.tsx";

type State = "good" | "expired" | "revoked";
const kStates: Record<State, string> = { good: "Good", expired: "Expired", revoked: "Revoked" };
export const kRoleTexts: Record<string, string> = {
  owner: "Owner: everything in the tenant", billing: "Billing: sees what costs money, uses no model", admin: "Admin: the keys of a project",
  member: "Member: uses models", auditor: "Auditor: sees everything, changes nothing, uses no model",
};

function stateOf(key: Key, now: number): State {
  return key.revoked_at !== null ? "revoked" : key.expires_at !== null && key.expires_at <= now ? "expired" : "good";
}

export function limitsText(key: Key): string {
  const parts = [
    key.requests_per_minute !== null && `${count(key.requests_per_minute)} requests/min`,
    key.tokens_per_minute !== null && `${count(key.tokens_per_minute)} tokens/min`,
    key.concurrent_requests !== null && `${count(key.concurrent_requests)} at once`,
    key.output_tokens_max !== null && `answers to ${count(key.output_tokens_max)} tokens`,
    key.request_seconds_max !== null && `${count(key.request_seconds_max)} s each`,
    key.models.length > 0 && `only ${key.models.join(", ")}`,
  ].filter(Boolean);
  return parts.join(" · ");
}

type Open = { what: "new" } | { what: "limits" | "rotate" | "revoke"; key: Key } | { what: "secret"; key: NewKey; title: string } | null;

function Row({ item, tenants, now, open }: { item: Key; tenants: boolean; now: number; open: (what: Open) => void }) {
  const state = stateOf(item, now);
  const live = state === "good";
  const own = item.id === session.value?.key;
  const menu: MenuItem[] = [
    ...(may("usage.report") ? [{ icon: "chart-column", label: "See its usage", run: () => { location.hash = addressOf("usage", { key: item.id }); } }] : []),
    ...(live && may("key.update") ? [{ icon: "pencil", label: "Change name and limits", run: () => open({ what: "limits", key: item }) }] : []),
    ...(live && (reachOf("key.rotate") !== "key" || own) && may("key.rotate") ? [{ icon: "rotate-cw", label: "Give it another secret", run: () => open({ what: "rotate", key: item }) }] : []),
    ...(live && (reachOf("key.revoke") !== "key" || own) && may("key.revoke") ? [{ icon: "ban", label: "Revoke", danger: true, run: () => open({ what: "revoke", key: item }) }] : []),
  ];
  const old = item.secrets.find((secret) => secret.ends_at !== null && secret.ends_at > now);
  const limits = limitsText(item);
  return (
    <tr class={live ? undefined : "past"}>
      <th scope="row"><span class="key-name">{item.name || <span class="soft">no name</span>}{own && <span class="tag">yours</span>}</span><code class="key-id">{item.id}</code></th>
      {tenants && <td>{item.tenant}</td>}
      <td>{item.project}</td>
      <td>{item.role}{item.kind === "access_key" && <span class="soft">, signs requests</span>}</td>
      <td class="limits wrap">{limits || <span class="soft">none</span>}</td>
      <td>{dayText(item.created_at)}</td>
      <td>
        <span class={`state ${state}`}>{kStates[state]}</span>
        {live && item.expires_at !== null && <span class="soft block">until {minuteText(item.expires_at)}</span>}
        {live && old && <span class="soft block">earlier secret until {minuteText(old.ends_at!)}</span>}
        {item.revoked_at !== null && <span class="soft block">{minuteText(item.revoked_at)}</span>}
      </td>
      <td class="row-menu"><MenuButton label={`Actions for ${item.name || item.id}`} items={menu} /></td>
    </tr>
  );
}

export function KeysPage() {
  const args = address_args.value;
  const all = args.get("all") === "1";
  const keys = useLoaded("keys", async (signal) => {
    const { data } = await read<{ data: Key[] }>("/admin/v1/keys", {}, signal);
    takeKeyNames(data);
    return data;
  });
  const makes = may("key.create");
  const sees_tenants = reachOf("key.list") === "everywhere";
  const tenants = useTenants(sees_tenants);
  const projects = useLoaded(makes && may("project.list") ? "projects" : null, async (signal) => (await read<{ data: Project[] }>("/admin/v1/projects", {}, signal)).data);
  const open = useSignal<Open>(null);
  useEffect(() => { if (args.get("new") === "1" && makes) { open.value = { what: "new" }; setArgs({ new: undefined }); } }, []);
  const now = Math.floor(Date.now() / 1000);
  const close = () => { open.value = null; };
  const done = () => { close(); keys.again(); };
  const tenant = args.get("tenant") ?? "";
  const dialog = open.value;
  return (
    <PageFrame title="Keys" lead={makes ? "Programs and people show a key to use this server. Its secret is shown once, when it is made." : "What your key is and what it may do."}
      actions={makes && <button type="button" class="button primary" onClick={() => { open.value = { what: "new" }; }}><Icon name="plus" size={16} />New key</button>}>
      {dialog?.what === "new" && <KeyForm projects={projects.value ?? []} tenants={tenants.value ?? []} onClose={close} onMade={(key) => { keys.again(); open.value = { what: "secret", key, title: "The new key" }; }} />}
      {dialog?.what === "limits" && <LimitsForm of={dialog.key} onClose={close} onDone={done} />}
      {dialog?.what === "rotate" && <RotateKey of={dialog.key} onClose={close} onDone={(key) => { keys.again(); open.value = { what: "secret", key, title: "The other secret" }; }} />}
      {dialog?.what === "revoke" && <RevokeKey of={dialog.key} onClose={close} onDone={done} />}
      {dialog?.what === "secret" && <SecretShown made={dialog.key} title={dialog.title} onClose={close} />}
      <Shown from={keys}>
        {(list) => {
          const shown = list.filter((key) => (all || stateOf(key, now) === "good") && (tenant === "" || key.tenant === tenant));
          const hidden = list.some((key) => stateOf(key, now) !== "good");
          return (
            <>
              {(hidden || sees_tenants) && (
                <div class="toolbar" role="group" aria-label="What is shown">
                  {sees_tenants && <Select label="Tenant" value={tenant} choices={[{ value: "", label: "All" }, ...(tenants.value ?? []).map(({ name }) => ({ value: name, label: name }))]} onChange={(value) => setArgs({ tenant: value })} />}
                  <Select label="Keys" value={all ? "1" : ""} choices={[{ value: "", label: "Good ones" }, { value: "1", label: "Also revoked and expired" }]} onChange={(value) => setArgs({ all: value })} />
                </div>
              )}
              {shown.length === 0
                ? <Empty icon="key-round" title="No keys here"><p>{makes ? "Make one for each program or person, so that usage tells them apart and one can be revoked without the others." : "Ask an owner of your tenant for one."}</p></Empty>
                : <div class="table" tabIndex={0} role="region" aria-label="Keys">
                  <table>
                    <thead><tr><th scope="col">Key</th>{sees_tenants && <th scope="col">Tenant</th>}<th scope="col">Project</th><th scope="col">Role</th><th scope="col">Limits</th><th scope="col">Made</th><th scope="col">State</th><th scope="col"><span class="off-screen">Actions</span></th></tr></thead>
                    <tbody>{shown.map((key) => <Row key={key.id} item={key} tenants={sees_tenants} now={now} open={(what) => { open.value = what; }} />)}</tbody>
                  </table>
                </div>}
            </>
          );
        }}
      </Shown>
    </PageFrame>
  );
}
