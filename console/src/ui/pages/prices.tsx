import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { read, write, type Price, type PriceList, type Tenant, type Unpriced } from "../../api/admin.ts";
import { failureOf, type Failure } from "../../api/errors.ts";
import { count } from "../../format/count.ts";
import { dollarsFrom, parseDollars, roundMoney } from "../../format/money.ts";
import { dayField, dayFrom, minuteText } from "../../format/time.ts";
import { may } from "../../state/session.ts";
import { models } from "../../state/server.ts";
import { toast } from "../../state/toasts.ts";
import { Modal } from "../dialogs.tsx";
import { Icon } from "../icon.tsx";
import { Empty, Field, FormSelect, PageFrame, Problem, Shown, useLoaded, type Loaded } from "./frame.tsx";

const kMeterTexts: Record<string, string> = {
  prompt: "Prompt tokens", cached: "Prompt tokens from the cache", output: "Output tokens", reasoning: "Reasoning tokens", "accelerator-ms": "Time on an accelerator",
};

export function meterText(meter: string): string {
  return kMeterTexts[meter] ?? meter;
}

/// "$0.60 per million", "$2.98 per hour"
export function priceText(price: Pick<Price, "amount" | "per" | "meter">): string {
  const amount = roundMoney(dollarsFrom(price.amount));
  const time = price.meter === "accelerator-ms";
  if (time && price.per === 3_600_000) return `${amount} per hour`;
  const per = price.per === 1_000_000 ? "million" : price.per === 1000 ? "thousand" : price.per === 1 ? (time ? "ms" : "token") : count(price.per);
  return `${amount} per ${per}${time && price.per !== 1 ? " ms" : ""}`;
}

/// Whether the price may be asked now; a later one of the same thing may still take its place.
function stateOf(price: Price, now: number): "now" | "later" | "over" {
  return price.from_at > now ? "later" : price.to_at !== null && price.to_at <= now ? "over" : "now";
}

export interface Draft { tenant: string; model: string; meter: string; amount: string; from: string; to: string }

/// What the price will mean, for whoever is about to add it; a string that begins with "!" says what is wrong.
export function meaningOf(draft: Draft, now: number): string {
  const amount = parseDollars(draft.amount);
  if (draft.amount.trim() === "") return "";
  if (amount === undefined || amount < 0n) return "!Write dollars in plain digits, such as 0.60, with at most twelve digits after the point.";
  const from = draft.from === "" ? undefined : dayFrom(draft.from), to = draft.to === "" ? undefined : dayFrom(draft.to);
  if (to !== undefined && to <= (from ?? now)) return "!The end must be after the beginning.";
  const time = draft.meter === "accelerator-ms";
  const what = time ? "every hour on an accelerator" : `every million ${meterText(draft.meter).toLowerCase()}`;
  const whom = draft.tenant === "" ? "everybody who has no price of their own" : draft.tenant;
  const model = draft.model === "" ? "any model that has no price of its own" : `the model ${draft.model}`;
  const begin = from === undefined ? "From now on" : `From ${minuteText(from)} UTC on`;
  const end = to === undefined ? "until another price for the same thing begins" : `until ${minuteText(to)} UTC`;
  const past = from !== undefined && from < now ? " What was used before now keeps what it was charged." : "";
  return `${begin}, ${whom} will pay ${roundMoney(amount)} for ${what} of ${model}, ${end}.${past} A price that was added can't be removed: another one takes its place.`;
}

function AddPrice({ tenants, onDone, onClose }: { tenants: Tenant[]; onDone: () => void; onClose: () => void }) {
  const id = useId();
  const draft = useSignal<Draft>({ tenant: "", model: "", meter: "prompt", amount: "", from: "", to: "" });
  const failure = useSignal<Failure | null>(null);
  const busy = useSignal(false);
  const change = (part: Partial<Draft>) => { draft.value = { ...draft.value, ...part }; };
  const now = Math.floor(Date.now() / 1000);
  const meaning = meaningOf(draft.value, now);
  const wrong = meaning.startsWith("!") ? meaning.slice(1) : null;
  const send = async () => {
    if (busy.value || meaning === "" || wrong) return;
    busy.value = true;
    const { tenant, model, meter, amount, from, to } = draft.value;
    try {
      await write<Price>("/admin/v1/prices", { tenant: tenant || undefined, model: model || undefined, meter, amount: amount.trim(), from: dayFrom(from), to: dayFrom(to) });
      toast("The price was added.");
      onDone();
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Modal title="Add a price" onClose={onClose} wide>
      <form class="form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        <div class="form-row">
          <Field label="For what" id={`${id}-meter`}>
            <FormSelect id={`${id}-meter`} value={draft.value.meter} onChange={(event) => change({ meter: event.currentTarget.value })}>
              {Object.entries(kMeterTexts).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </FormSelect>
          </Field>
          <Field label={draft.value.meter === "accelerator-ms" ? "Dollars an hour" : "Dollars a million"} id={`${id}-amount`}>
            <input id={`${id}-amount`} class="field number" inputMode="decimal" autocomplete="off" required placeholder="0.60" value={draft.value.amount} aria-invalid={wrong !== null} onInput={(event) => change({ amount: event.currentTarget.value })} />
          </Field>
        </div>
        <div class="form-row">
          <Field label="Of which model" id={`${id}-model`}>
            <input id={`${id}-model`} class="field" list={`${id}-models`} autocomplete="off" placeholder="Any" value={draft.value.model} onInput={(event) => change({ model: event.currentTarget.value.trim() })} />
            <datalist id={`${id}-models`}>{models.value.map((model) => <option key={model.id} value={model.id} />)}</datalist>
          </Field>
          <Field label="Asked of" id={`${id}-tenant`}>
            <FormSelect id={`${id}-tenant`} value={draft.value.tenant} onChange={(event) => change({ tenant: event.currentTarget.value })}>
              <option value="">Everybody</option>
              {tenants.map((tenant) => <option key={tenant.name} value={tenant.name}>{tenant.name}</option>)}
            </FormSelect>
          </Field>
        </div>
        <div class="form-row">
          <Field label="First day" id={`${id}-from`} help="Empty: from now on. Days begin at 00:00 UTC.">
            <input id={`${id}-from`} type="date" class="field" min={dayField(0)} max="9999-12-31" value={draft.value.from} onInput={(event) => change({ from: event.currentTarget.value })} />
          </Field>
          <Field label="Ends with the beginning of" id={`${id}-to`} help="Empty: until another one begins.">
            <input id={`${id}-to`} type="date" class="field" min={dayField(0)} max="9999-12-31" value={draft.value.to} onInput={(event) => change({ to: event.currentTarget.value })} />
          </Field>
        </div>
        <p class={wrong ? "meaning wrong" : "meaning"} role="status">{wrong ?? (meaning || "Say how much, and what it will mean is written here.")}</p>
        {failure.value && <Problem failure={failure.value} />}
        <div class="editor-actions">
          <button type="button" class="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="button primary" disabled={meaning === "" || wrong !== null} aria-disabled={busy.value}>Add the price</button>
        </div>
      </form>
    </Modal>
  );
}

export function useTenants(wanted: boolean): Loaded<Tenant[]> {
  return useLoaded(wanted && may("tenant.list") ? "tenants" : null, async (signal) => (await read<{ data: Tenant[] }>("/admin/v1/tenants", {}, signal)).data);
}

function UnpricedTable({ unpriced }: { unpriced: Unpriced[] }) {
  return (
    <section class="card">
      <h2>Unpriced this month</h2>
      <p class="note">Used, and in no cost. A price that is added now counts for requests from now on.</p>
      <div class="table" tabIndex={0} role="region" aria-label="Unpriced">
        <table>
          <thead><tr><th scope="col">For what</th><th scope="col">Model</th><th scope="col">Tenant</th><th scope="col" class="number">Tokens</th></tr></thead>
          <tbody>
            {unpriced.map((one) => <tr key={`${one.tenant} ${one.model} ${one.meter}`}><th scope="row">{meterText(one.meter)}</th><td>{one.model}</td><td>{one.tenant}</td><td class="number">{count(one.tokens)}</td></tr>)}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const kStates = { now: "Now", later: "Later", over: "Over" } as const;

export function PricesPage() {
  const prices = useLoaded("prices", (signal) => read<PriceList>("/admin/v1/prices", {}, signal));
  const adds = may("price.add");
  const tenants = useTenants(adds);
  const adding = useSignal(false);
  const now = Math.floor(Date.now() / 1000);
  const order = { now: 0, later: 1, over: 2 };
  return (
    <PageFrame title="Prices" lead="What is asked for which use. The most particular price counts: a tenant's own before everybody's, a model's own before any model's."
      actions={adds && <button type="button" class="button primary" onClick={() => { adding.value = true; }}><Icon name="plus" size={16} />Add a price</button>}>
      {adding.value && <AddPrice tenants={tenants.value ?? []} onClose={() => { adding.value = false; }} onDone={() => { adding.value = false; prices.again(); }} />}
      <Shown from={prices}>
        {({ data: list, unpriced }) => <>{list.length === 0
          ? <Empty icon="tag" title="There are no prices yet">
            <p>{adds ? "Until there are, usage is counted and costs nothing. Add one for prompt tokens and one for output tokens to begin with." : "Usage is counted, and costs nothing."}</p>
          </Empty>
          : <div class="table" tabIndex={0} role="region" aria-label="Prices">
            <table>
              <thead><tr><th scope="col">For what</th><th scope="col" class="number">Price</th><th scope="col">Model</th><th scope="col">Asked of</th><th scope="col">From</th><th scope="col">Until</th><th scope="col">Holds</th></tr></thead>
              <tbody>
                {[...list].sort((a, b) => order[stateOf(a, now)] - order[stateOf(b, now)] || a.number - b.number).map((price) => (
                  <tr key={price.number} class={stateOf(price, now) === "over" ? "past" : undefined}>
                    <th scope="row">{meterText(price.meter)}</th>
                    <td class="number">{priceText(price)}</td>
                    <td>{price.model ?? <span class="soft">any</span>}</td>
                    <td>{price.tenant ?? <span class="soft">everybody</span>}</td>
                    <td>{minuteText(price.from_at)}</td>
                    <td>{price.to_at === null ? <span class="soft">the next one</span> : minuteText(price.to_at)}</td>
                    <td><span class={`state ${stateOf(price, now)}`}>{kStates[stateOf(price, now)]}</span></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>}
          {unpriced.length !== 0 && <UnpricedTable unpriced={unpriced} />}
        </>}
      </Shown>
    </PageFrame>
  );
}
