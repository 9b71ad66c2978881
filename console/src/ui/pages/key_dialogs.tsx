// Making, changing, rotating and revoking a key.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { write, type Arguments, type Key, type Limits, type NewKey, type Project, type Role, type Tenant } from "../../api/admin.ts";
import { failureOf, type Failure } from "../../api/errors.ts";
import { dayFrom } from "../../format/time.ts";
import { models } from "../../state/server.ts";
import { reachOf, session } from "../../state/session.ts";
import { toast } from "../../state/toasts.ts";
import { CopyButton } from "../clipboard.tsx";
import { Modal } from "../dialogs.tsx";
import { Icon } from "../icon.tsx";
import { Field, FormSelect, Problem } from "./frame.tsx";
import { kRoleTexts } from "./keys.tsx";

type LimitName = keyof Limits;
const kLimits: [LimitName, string, string][] = [
  ["requests_per_minute", "Requests a minute", "60"],
  ["tokens_per_minute", "Tokens a minute", "20000"],
  ["concurrent_requests", "Requests at once", "4"],
  ["output_tokens_max", "Longest answer, in tokens", "1024"],
];

/// A form in a dialog: one button that sends, and the server's words where it refuses.
export function DialogForm({ title, send_label, danger, onClose, send, children }: {
  title: string; send_label: string; danger?: boolean; onClose: () => void; send: () => Promise<void>; children: ComponentChildren;
}) {
  const failure = useSignal<Failure | null>(null);
  const busy = useSignal(false);
  const submit = async () => {
    if (busy.value) return;
    busy.value = true;
    failure.value = null;
    try {
      await send();
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Modal title={title} onClose={onClose} wide>
      <form class="form" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        {children}
        {failure.value && <Problem failure={failure.value} />}
        <div class="editor-actions">
          <button type="button" class="button" onClick={onClose}>Cancel</button>
          <button type="submit" class={danger ? "button destructive" : "button primary"} aria-disabled={busy.value}>{send_label}</button>
        </div>
      </form>
    </Modal>
  );
}

/// Whole numbers above 0; empty is no limit.
function limitFrom(text: string): number | null {
  const digits = text.replace(/[\s,.']/g, "");
  return digits === "" ? null : Number(digits);
}

function LimitFields({ id, values, change }: { id: string; values: Record<string, string>; change: (name: LimitName, value: string) => void }) {
  return (
    <fieldset class="form-group">
      <legend>Limits <span class="soft">– empty: none</span></legend>
      <div class="form-row">
        {kLimits.map(([name, label, example]) => (
          <Field key={name} label={label} id={`${id}-${name}`}>
            <input id={`${id}-${name}`} class="field number" inputMode="numeric" pattern="[0-9 ,.']*" autocomplete="off" placeholder={`such as ${example}`} value={values[name] ?? ""} onInput={(event) => change(name, event.currentTarget.value)} />
          </Field>
        ))}
      </div>
    </fieldset>
  );
}

function modelsFrom(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}

/// Nobody makes more of a key than they are; the server says the same.
function rolesToGive(): Role[] {
  return session.value?.role === "owner" ? ["member", "admin", "billing", "auditor", "owner"] : ["member", "admin"];
}

export function KeyForm({ tenants, projects, onMade, onClose }: { tenants: Tenant[]; projects: Project[]; onMade: (key: NewKey) => void; onClose: () => void }) {
  const id = useId();
  const everywhere = reachOf("key.create") === "everywhere", whole_tenant = everywhere || reachOf("key.create") === "tenant";
  const own_tenant = session.value?.tenant ?? "";
  const draft = useSignal({ name: "", tenant: own_tenant, project: session.value?.project ?? "default", role: "member" as Role, models: "", expires: "", kind: "bearer", limits: {} as Record<string, string> });
  const change = (part: Partial<typeof draft.value>) => { draft.value = { ...draft.value, ...part }; };
  const of_tenant = projects.filter((project) => project.tenant === draft.value.tenant && project.disabled_at === null);
  const send = async () => {
    const { name, tenant, project, role, models: named, expires, kind, limits } = draft.value;
    const body: Arguments = { name: name || undefined, role, access_key: kind === "access_key" || undefined };
    if (everywhere) body.tenant = tenant;
    if (whole_tenant) body.project = project;
    if (named.trim() !== "") body.models = modelsFrom(named);
    if (expires !== "") body.expires_at = dayFrom(expires);
    for (const [limit] of kLimits) body[limit] = limitFrom(limits[limit] ?? "") ?? undefined;
    onMade(await write<NewKey>("/admin/v1/keys", body));
  };
  return (
    <DialogForm title="New key" send_label="Make the key" onClose={onClose} send={send}>
      <Field label="Name" id={`${id}-name`} help="For people: which program or person has it. Letters, digits, and . _ - between them.">
        <input id={`${id}-name`} class="field" autofocus autocomplete="off" maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" required placeholder="billing-bot" value={draft.value.name} onInput={(event) => change({ name: event.currentTarget.value })} />
      </Field>
      <div class="form-row">
        {everywhere && (
          <Field label="Tenant" id={`${id}-tenant`}>
            <FormSelect id={`${id}-tenant`} value={draft.value.tenant} onChange={(event) => change({ tenant: event.currentTarget.value, project: "default" })}>
              {tenants.map(({ name }) => <option key={name} value={name} selected={name === draft.value.tenant}>{name}</option>)}
            </FormSelect>
          </Field>
        )}
        {whole_tenant && (
          <Field label="Project" id={`${id}-project`}>
            <FormSelect id={`${id}-project`} value={draft.value.project} onChange={(event) => change({ project: event.currentTarget.value })}>
              {of_tenant.map(({ name }) => <option key={name} value={name} selected={name === draft.value.project}>{name}</option>)}
            </FormSelect>
          </Field>
        )}
      </div>
      <div class="form-row">
        <Field label="Role" id={`${id}-role`}>
          <FormSelect id={`${id}-role`} value={draft.value.role} onChange={(event) => change({ role: event.currentTarget.value as Role })}>
            {rolesToGive().map((role) => <option key={role} value={role}>{kRoleTexts[role]}</option>)}
          </FormSelect>
        </Field>
        <Field label="Used with" id={`${id}-kind`}>
          <FormSelect id={`${id}-kind`} value={draft.value.kind} onChange={(event) => change({ kind: event.currentTarget.value })}>
            <option value="bearer">OpenAI's, Anthropic's SDKs</option>
            <option value="access_key">AWS's SDKs (it signs)</option>
          </FormSelect>
        </Field>
      </div>
      <div class="form-row">
        <Field label="Models" id={`${id}-models`} help="Empty: all. Several with spaces between them.">
          <input id={`${id}-models`} class="field" autocomplete="off" list={`${id}-known`} placeholder="All" value={draft.value.models} onInput={(event) => change({ models: event.currentTarget.value })} />
          <datalist id={`${id}-known`}>{models.value.map((model) => <option key={model.id} value={model.id} />)}</datalist>
        </Field>
        <Field label="Expires" id={`${id}-expires`} help="At the beginning of that day, UTC. Empty: never.">
          <input id={`${id}-expires`} type="date" class="field" max="9999-12-31" value={draft.value.expires} onInput={(event) => change({ expires: event.currentTarget.value })} />
        </Field>
      </div>
      <LimitFields id={id} values={draft.value.limits} change={(name, value) => change({ limits: { ...draft.value.limits, [name]: value } })} />
    </DialogForm>
  );
}

export function LimitsForm({ of, onDone, onClose }: { of: Key; onDone: () => void; onClose: () => void }) {
  const id = useId();
  const draft = useSignal({
    name: of.name, models: of.models.join(" "),
    limits: Object.fromEntries(kLimits.map(([name]) => [name, of[name] === null ? "" : String(of[name])])) as Record<string, string>,
  });
  const send = async () => {
    const { name, models: named, limits } = draft.value;
    const listed = modelsFrom(named);
    const body: Arguments = { name: name || null, models: listed.length > 0 ? listed : null };
    for (const [limit] of kLimits) body[limit] = limitFrom(limits[limit] ?? "");
    await write<Key>(`/admin/v1/keys/${encodeURIComponent(of.id)}/update`, body);
    toast("Changed. It counts from the key's next request on.");
    onDone();
  };
  return (
    <DialogForm title={`Change ${of.name || of.id}`} send_label="Save" onClose={onClose} send={send}>
      <div class="form-row">
        <Field label="Name" id={`${id}-name`}>
          <input id={`${id}-name`} class="field" autofocus autocomplete="off" maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" value={draft.value.name} onInput={(event) => { draft.value = { ...draft.value, name: event.currentTarget.value }; }} />
        </Field>
        <Field label="Models" id={`${id}-models`} help="Empty: all. Several with spaces between them.">
          <input id={`${id}-models`} class="field" autocomplete="off" placeholder="All" value={draft.value.models} onInput={(event) => { draft.value = { ...draft.value, models: event.currentTarget.value }; }} />
        </Field>
      </div>
      <LimitFields id={id} values={draft.value.limits} change={(name, value) => { draft.value = { ...draft.value, limits: { ...draft.value.limits, [name]: value } }; }} />
    </DialogForm>
  );
}

const kOverlaps: [number, string][] = [[0, "at once"], [3600, "an hour from now"], [86_400, "a day from now"], [7 * 86_400, "a week from now"], [30 * 86_400, "30 days from now"]];

export function RotateKey({ of, onDone, onClose }: { of: Key; onDone: (key: NewKey) => void; onClose: () => void }) {
  const id = useId();
  const overlap = useSignal(86_400);
  return (
    <DialogForm title={`Another secret for ${of.name || of.id}`} send_label="Make the secret" onClose={onClose}
      send={async () => onDone(await write<NewKey>(`/admin/v1/keys/${encodeURIComponent(of.id)}/rotate`, { overlap_seconds: overlap.value }))}>
      <p>The key stays the same: its id, its limits and its usage. Give the new secret to whoever uses the key before the earlier one ends.</p>
      <Field label="The earlier secret ends" id={`${id}-overlap`}>
        <FormSelect id={`${id}-overlap`} value={overlap.value} onChange={(event) => { overlap.value = Number(event.currentTarget.value); }}>
          {kOverlaps.map(([seconds, label]) => <option key={seconds} value={seconds} selected={seconds === overlap.value}>{label}</option>)}
        </FormSelect>
      </Field>
      {overlap.value === 0 && <p class="meaning wrong">Programs that have the earlier secret are refused from now on.</p>}
    </DialogForm>
  );
}

export function RevokeKey({ of, onDone, onClose }: { of: Key; onDone: () => void; onClose: () => void }) {
  const own = of.id === session.value?.key;
  return (
    <DialogForm title={`Revoke ${of.name || of.id}?`} send_label="Revoke for good" danger onClose={onClose}
      send={async () => {
        await write<Key>(`/admin/v1/keys/${encodeURIComponent(of.id)}/revoke`);
        toast("Revoked. It is refused from now on.");
        onDone();
      }}>
      <p>Whoever uses it is refused from the next request on. This can't be undone; what it has used stays in the books.</p>
      {own && <p class="meaning wrong">This is the key that you are signed in with: you will be signed out.</p>}
    </DialogForm>
  );
}

function Secret({ label, value }: { label: string; value: string }) {
  return (
    <div class="secret">
      <span class="label">{label}</span>
      <span class="secret-line"><code>{value}</code><CopyButton text={() => value} label={`Copy ${label.toLowerCase()}`} /></span>
    </div>
  );
}

/// The only time that anybody sees it.
export function SecretShown({ made, title, onClose }: { made: NewKey; title: string; onClose: () => void }) {
  return (
    <Modal title={title} onClose={onClose} wide>
      <div class="form">
        <p class="warned"><Icon name="circle-alert" size={17} /><span>Copy it now. It is shown this once: the server keeps nothing that it could be read from.</span></p>
        {made.key && <Secret label="Key" value={made.key} />}
        {made.access_key_id && <Secret label="Access key id" value={made.access_key_id} />}
        {made.secret_access_key && <Secret label="Secret access key" value={made.secret_access_key} />}
        <p class="help">{made.key ? <>Programs send it as <code>Authorization: Bearer KEY</code>; OpenAI's SDKs take it as <code>api_key</code> with the base URL <code>{location.origin}/v1</code>.</> : "AWS's SDKs take the pair as their credentials, and this server's address as the endpoint."}</p>
        <div class="editor-actions"><button type="button" class="button primary" onClick={onClose}>I have copied it</button></div>
      </div>
    </Modal>
  );
}
