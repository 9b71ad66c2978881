import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { read, write, type Budget, type Key, type Project, type Tenant } from "../../api/admin.ts";
import { failureOf } from "../../api/errors.ts";
import { count } from "../../format/count.ts";
import { dollarsFrom, money, parseDollars } from "../../format/money.ts";
import { dayText } from "../../format/time.ts";
import { keyName } from "../../state/names.ts";
import { models } from "../../state/server.ts";
import { may, reachOf, session } from "../../state/session.ts";
import { toast } from "../../state/toasts.ts";
import { Icon } from "../icon.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { addressOf } from "../view.ts";
import { Empty, Field, FormSelect, PageFrame, Shown, useLoaded } from "./frame.tsx";
import { DialogForm } from "./key_dialogs.tsx";
import { useTenants } from "./prices.tsx";

type Unit = Budget["unit"];

/// Whole tokens or whole pico-dollars, to compare with each other.
function sizeOf(amount: string, unit: Unit): bigint {
  return unit === "usd" ? dollarsFrom(amount) : BigInt(amount);
}

export function amountText(amount: string, unit: Unit): string {
  return unit === "usd" ? money(dollarsFrom(amount), 2) : `${count(BigInt(amount))} tokens`;
}

const kEach = { day: "a day", month: "a month", total: "in all" } as const;

/// Whose requests it is of.
export function scopeText(budget: Pick<Budget, "tenant" | "project" | "key" | "model">): string {
  const parts = [
    budget.key ? `the key ${keyName(budget.key)}` : budget.project ? `the project ${budget.project}` : `all of ${budget.tenant}`,
    ...(budget.model ? [`the model ${budget.model}`] : []),
  ];
  return parts.join(", only ");
}

export interface BudgetDraft { name: string; tenant: string; project: string; key: string; model: string; unit: Unit; amount: string; period: Budget["period"]; kind: Budget["kind"] }

/// What the budget will do; a string that begins with "!" says what is wrong.
export function budgetMeaning(draft: BudgetDraft): string {
  const text = draft.unit === "usd" ? draft.amount.trim() : draft.amount.replace(/[\s,.']/g, "");
  if (text === "") return "";
  const size = draft.unit === "usd" ? parseDollars(text) : /^\d{1,18}$/.test(text) ? BigInt(text) : undefined;
  if (size === undefined || size <= 0n) return draft.unit === "usd" ? "!Write dollars above 0 in plain digits, such as 250.00." : "!Write a whole number of tokens above 0.";
  const what = amountText(text, draft.unit), whose = scopeText(draft);
  const when = draft.period === "total" ? "It never begins anew." : `It begins anew with each ${draft.period}, at 00:00 UTC.`;
  return draft.kind === "hard"
    ? `Once requests of ${whose} have used ${what}${draft.period === "total" ? "" : ` in one ${draft.period}`}, further ones are refused. ${when}`
    : `Nothing is refused: whoever runs the server is told when requests of ${whose} go beyond ${what}${draft.period === "total" ? "" : ` in one ${draft.period}`}. ${when}`;
}

function NewBudget({ tenants, onDone, onClose }: { tenants: Tenant[]; onDone: () => void; onClose: () => void }) {
  const id = useId();
  const everywhere = reachOf("budget.create") === "everywhere";
  const draft = useSignal<BudgetDraft>({ name: "", tenant: session.value?.tenant ?? "", project: "", key: "", model: "", unit: "usd", amount: "", period: "month", kind: "hard" });
  const change = (part: Partial<BudgetDraft>) => { draft.value = { ...draft.value, ...part }; };
  const of_tenant = useLoaded(draft.value.tenant, async (signal) => {
    const args = everywhere ? { tenant: draft.value.tenant } : {};
    const [projects, keys] = await Promise.all([
      may("project.list") ? read<{ data: Project[] }>("/admin/v1/projects", args, signal) : { data: [] },
      may("key.list") ? read<{ data: Key[] }>("/admin/v1/keys", { ...args, live: true }, signal) : { data: [] },
    ]);
    return { projects: projects.data, keys: keys.data };
  });
  const meaning = budgetMeaning(draft.value);
  const wrong = meaning.startsWith("!") ? meaning.slice(1) : null;
  const send = async () => {
    if (meaning === "" || wrong) return;
    const { name, tenant, project, key, model, unit, amount, period, kind } = draft.value;
    await write<Budget>("/admin/v1/budgets", {
      name, ...(everywhere ? { tenant } : {}), project: project || undefined, key: key || undefined, model: model || undefined, unit, period, kind,
      amount: unit === "usd" ? amount.trim() : amount.replace(/[\s,.']/g, ""),
    });
    toast("The budget was made. It counts from now on.");
    onDone();
  };
  return (
    <DialogForm title="New budget" send_label="Make the budget" onClose={onClose} send={send}>
      <div class="form-row">
        <Field label="Name" id={`${id}-name`}>
          <input id={`${id}-name`} class="field" autofocus autocomplete="off" required maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" placeholder="search-month" value={draft.value.name} onInput={(event) => change({ name: event.currentTarget.value })} />
        </Field>
        {everywhere && (
          <Field label="Tenant" id={`${id}-tenant`}>
            <FormSelect id={`${id}-tenant`} value={draft.value.tenant} onChange={(event) => change({ tenant: event.currentTarget.value, project: "", key: "" })}>
              {tenants.map(({ name }) => <option key={name} value={name} selected={name === draft.value.tenant}>{name}</option>)}
            </FormSelect>
          </Field>
        )}
      </div>
      <div class="form-row">
        <Field label={draft.value.unit === "usd" ? "Dollars" : "Tokens"} id={`${id}-amount`}>
          <input id={`${id}-amount`} class="field" inputMode="decimal" autocomplete="off" required placeholder={draft.value.unit === "usd" ? "250.00" : "1000000"} aria-invalid={wrong !== null} value={draft.value.amount} onInput={(event) => change({ amount: event.currentTarget.value })} />
        </Field>
        <Field label="Counts" id={`${id}-unit`}>
          <FormSelect id={`${id}-unit`} value={draft.value.unit} onChange={(event) => change({ unit: event.currentTarget.value as Unit })}>
            <option value="usd">Money</option>
            <option value="tokens">Tokens</option>
          </FormSelect>
        </Field>
        <Field label="For" id={`${id}-period`}>
          <FormSelect id={`${id}-period`} value={draft.value.period} onChange={(event) => change({ period: event.currentTarget.value as Budget["period"] })}>
            <option value="day">Each day</option>
            <option value="month" selected>Each month</option>
            <option value="total">All time</option>
          </FormSelect>
        </Field>
        <Field label="When it is used up" id={`${id}-kind`}>
          <FormSelect id={`${id}-kind`} value={draft.value.kind} onChange={(event) => change({ kind: event.currentTarget.value as Budget["kind"] })}>
            <option value="hard">Refuse further requests</option>
            <option value="soft">Only tell of it</option>
          </FormSelect>
        </Field>
      </div>
      <div class="form-row">
        <Field label="Only of the project" id={`${id}-project`}>
          <FormSelect id={`${id}-project`} value={draft.value.project} onChange={(event) => change({ project: event.currentTarget.value })}>
            <option value="">All</option>
            {of_tenant.value?.projects.map(({ name }) => <option key={name} value={name}>{name}</option>)}
          </FormSelect>
        </Field>
        <Field label="Only of the key" id={`${id}-key`}>
          <FormSelect id={`${id}-key`} value={draft.value.key} onChange={(event) => change({ key: event.currentTarget.value })}>
            <option value="">All</option>
            {of_tenant.value?.keys.map((key) => <option key={key.id} value={key.id}>{key.name || key.id}</option>)}
          </FormSelect>
        </Field>
        <Field label="Only of the model" id={`${id}-model`}>
          <input id={`${id}-model`} class="field" list={`${id}-models`} autocomplete="off" placeholder="All" value={draft.value.model} onInput={(event) => change({ model: event.currentTarget.value.trim() })} />
          <datalist id={`${id}-models`}>{models.value.map((model) => <option key={model.id} value={model.id} />)}</datalist>
        </Field>
      </div>
      <p class={wrong ? "meaning wrong" : "meaning"} role="status">{wrong ?? (meaning || "Say how much, and what it will do is written here.")}</p>
    </DialogForm>
  );
}

function pathOf(budget: Budget): string {
  return `/admin/v1/budgets/${encodeURIComponent(budget.name)}/update`;
}

function ChangeAmount({ of, onDone, onClose }: { of: Budget; onDone: () => void; onClose: () => void }) {
  const id = useId();
  const amount = useSignal(of.amount);
  const everywhere = reachOf("budget.update") === "everywhere";
  const send = async () => {
    await write<Budget>(pathOf(of), { ...(everywhere ? { tenant: of.tenant } : {}), amount: of.unit === "usd" ? amount.value.trim() : amount.value.replace(/[\s,.']/g, "") });
    toast("Changed, for the present period too.");
    onDone();
  };
  return (
    <DialogForm title={`Change ${of.name}`} send_label="Save" onClose={onClose} send={send}>
      <Field label={of.unit === "usd" ? `Dollars ${kEach[of.period]}` : `Tokens ${kEach[of.period]}`} id={id} help="It takes the place of the present amount from now on, for the present period too.">
        <input id={id} class="field" autofocus inputMode="decimal" autocomplete="off" required value={amount.value} onInput={(event) => { amount.value = event.currentTarget.value; }} />
      </Field>
    </DialogForm>
  );
}

/// What is spent of it, as a bar and in words.
function Spent({ budget }: { budget: Budget }) {
  if (budget.spent === undefined) return <span class="soft">not counted yet</span>;
  const all = sizeOf(budget.amount, budget.unit), spent = sizeOf(budget.spent, budget.unit);
  const parts = all === 0n ? 1000 : Number(spent * 1000n / all);
  return (
    <span class="spent">
      <span class="spent-bar" role="img" aria-label={`${Math.floor(parts / 10)} % of it`}><i class={parts >= 1000 ? "over" : parts >= 800 ? "near" : undefined} style={{ width: `${Math.min(parts, 1000) / 10}%` }} /></span>
      <span>{amountText(budget.spent, budget.unit)} <span class="soft">({Math.floor(parts / 10)} %)</span></span>
    </span>
  );
}

type Open = { what: "new" } | { what: "amount"; of: Budget } | null;

export function BudgetsPage() {
  const budgets = useLoaded("budgets", async (signal) => (await read<{ data: Budget[] }>("/admin/v1/budgets", {}, signal)).data);
  const everywhere = reachOf("budget.list") === "everywhere";
  const tenants = useTenants(everywhere);
  const open = useSignal<Open>(null);
  const close = () => { open.value = null; };
  const done = () => { close(); budgets.again(); };
  const setDisabled = (budget: Budget, disabled: boolean) => void write<Budget>(pathOf(budget), { ...(everywhere ? { tenant: budget.tenant } : {}), disabled })
    .then(() => { toast(disabled ? `${budget.name} neither refuses nor counts anything now.` : `${budget.name} counts again.`); budgets.again(); }, (error: unknown) => toast(failureOf(error).message));
  const menu = (budget: Budget): MenuItem[] => [
    { icon: "chart-column", label: "See the usage", run: () => { location.hash = addressOf("usage", { range: budget.period === "day" ? "today" : "month", ...(everywhere ? { tenant: budget.tenant } : {}), project: budget.project ?? undefined, key: budget.key ?? undefined, model: budget.model ?? undefined }); } },
    ...(may("budget.update") ? [
      { icon: "pencil", label: "Change the amount", run: () => { open.value = { what: "amount", of: budget }; } },
      budget.disabled_at === null ? { icon: "ban", label: "Disable", danger: true, run: () => setDisabled(budget, true) } : { icon: "check", label: "Enable again", run: () => setDisabled(budget, false) },
    ] : []),
  ];
  const dialog = open.value;
  return (
    <PageFrame title="Budgets" lead="How much may be used, and how much of that has been. Periods are days and months of UTC."
      actions={may("budget.create") && <button type="button" class="button primary" onClick={() => { open.value = { what: "new" }; }}><Icon name="plus" size={16} />New budget</button>}>
      {dialog?.what === "new" && <NewBudget tenants={tenants.value ?? []} onClose={close} onDone={done} />}
      {dialog?.what === "amount" && <ChangeAmount of={dialog.of} onClose={close} onDone={done} />}
      <Shown from={budgets}>
        {(list) => list.length === 0
          ? <Empty icon="wallet" title="There are no budgets">
            <p>{may("budget.create") ? "Nothing is refused for its cost. Make a budget for a tenant, a project, a key or a model to hold it to an amount." : "Nothing is refused for its cost."}</p>
          </Empty>
          : <div class="table" tabIndex={0} role="region" aria-label="Budgets">
            <table>
              <thead><tr><th scope="col">Budget</th>{everywhere && <th scope="col">Tenant</th>}<th scope="col">Of</th><th scope="col" class="number">Amount</th><th scope="col">Spent</th><th scope="col" class="number">Left</th><th scope="col">Begins anew</th><th scope="col"><span class="off-screen">Actions</span></th></tr></thead>
              <tbody>
                {list.map((budget) => (
                  <tr key={`${budget.tenant}/${budget.name}`} class={budget.disabled_at === null ? undefined : "past"}>
                    <th scope="row">{budget.name}{budget.disabled_at !== null && <span class="block"><span class="state revoked">Disabled</span></span>}</th>
                    {everywhere && <td>{budget.tenant}</td>}
                    <td class="wrap">{scopeText(budget)}</td>
                    <td class="number">{amountText(budget.amount, budget.unit)}<span class="soft block">{kEach[budget.period]}, then {budget.kind === "hard" ? "refuses" : "tells"}</span></td>
                    <td><Spent budget={budget} /></td>
                    <td class="number">{budget.left === undefined ? "–" : amountText(budget.left, budget.unit)}</td>
                    <td>{budget.period_to_at ? dayText(budget.period_to_at) : <span class="soft">never</span>}</td>
                    <td class="row-menu"><MenuButton label={`Actions for ${budget.name}`} items={menu(budget)} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>}
      </Shown>
    </PageFrame>
  );
}
