import { useEffect, useState } from "preact/hooks";
import { read, type Price, type RequestList, type Trace, type TracedUsage, type Transfer, type UsedRequest } from "../../api/admin.ts";
import { failureOf, type Failure } from "../../api/errors.ts";
import { count } from "../../format/count.ts";
import { digitsFor, dollarsFrom, dollarsText } from "../../format/money.ts";
import { timeText } from "../../format/time.ts";
import { keyName } from "../../state/names.ts";
import { reachOf, seesProjects, seesTenants } from "../../state/session.ts";
import { CopyButton } from "../clipboard.tsx";
import { Icon } from "../icon.tsx";
import { addressOf, address_args, subject } from "../view.ts";
import { FilterChips } from "./filters.tsx";
import { Empty, Money, PageFrame, Problem, Shown, useLoaded } from "./frame.tsx";
import { meterText, priceText } from "./prices.tsx";
import { filtersOf, RangePicker, rangeOf } from "./ranges.tsx";

const kPageRows = 50;

/// Pages of a list that goes back in time, one under the other.
export function useMore<T>(key: string, load: (before: number | undefined, signal: AbortSignal) => Promise<{ rows: T[]; next: number | null }>) {
  const first = useLoaded(key, (signal) => load(undefined, signal));
  const [more, setMore] = useState<{ of: unknown; rows: T[]; next: number | null; failure: Failure | null; loading: boolean }>({ of: null, rows: [], next: null, failure: null, loading: false });
  const fresh = more.of === first.value && first.value !== undefined;
  const next = fresh ? more.next : (first.value?.next ?? null);
  const rows = [...(first.value?.rows ?? []), ...(fresh ? more.rows : [])];
  const go = async () => {
    if (next === null || more.loading) return;
    const of = first.value, before_rows = fresh ? more.rows : [];
    setMore({ of, rows: before_rows, next, failure: null, loading: true });
    try {
      const page = await load(next, AbortSignal.timeout(30_000));
      setMore({ of, rows: [...before_rows, ...page.rows], next: page.next, failure: null, loading: false });
    } catch (error) {
      setMore({ of, rows: before_rows, next, failure: failureOf(error), loading: false });
    }
  };
  return { first, rows, next, go, failure: fresh ? more.failure : null, loading: more.loading };
}

export function MoreButton({ list }: { list: { next: number | null; go: () => Promise<void>; failure: Failure | null; loading: boolean } }) {
  if (list.failure) return <Problem failure={list.failure} again={() => void list.go()} />;
  if (list.next === null) return null;
  return <p class="more"><button type="button" class="button" aria-disabled={list.loading} onClick={() => void list.go()}>{list.loading ? "Loading…" : "Show earlier ones"}</button></p>;
}

function Row({ used, digits, tenants, projects, keys }: { used: UsedRequest; digits: number; tenants: boolean; projects: boolean; keys: boolean }) {
  return (
    <tr>
      <th scope="row"><a href={addressOf("requests", {}, used.request)}>{timeText(used.time_at)}</a></th>
      {tenants && <td>{used.tenant}</td>}
      {projects && <td>{used.project}</td>}
      {keys && <td title={used.key}>{keyName(used.key)}</td>}
      <td>{used.model}</td>
      <td class="number">{count(used.prompt_tokens)}</td>
      <td class="number">{count(used.output_tokens)}</td>
      <td class="number">{used.cost === null ? <span class="soft">no price</span> : <><Money amount={dollarsFrom(used.cost)} digits={digits} />{used.unpriced_tokens !== 0 && <span class="soft" title={`${count(used.unpriced_tokens)} of its tokens have no price`}> + unpriced</span>}</>}</td>
    </tr>
  );
}

export function RequestsPage() {
  const args = address_args.value;
  const range = rangeOf(args, Math.floor(Date.now() / 1000));
  const question = { from: range.from, to: range.to, ...filtersOf(args), limit: kPageRows };
  const list = useMore<UsedRequest>(JSON.stringify(question), async (before, signal) => {
    const page = await read<RequestList>("/admin/v1/requests", { ...question, before }, signal);
    return { rows: page.data, next: page.next_before };
  });
  const tenants = seesTenants("request.list"), projects = seesProjects("request.list"), keys = reachOf("request.list") !== "key";
  const digits = digitsFor(list.rows.flatMap((used) => (used.cost === null ? [] : [dollarsFrom(used.cost)])));
  if (subject.value !== null) return <RequestPage id={subject.value} />;
  return (
    <PageFrame title="Requests" lead="Each request and what it cost, the newest first. Times are UTC.">
      <div class="toolbar" role="group" aria-label="What is shown"><RangePicker range={range} /></div>
      <FilterChips />
      <Shown from={list.first}>
        {() => list.rows.length === 0
          ? <Empty icon="receipt-text" title={`No request: ${range.text}`}><p>Requests are listed as soon as they have ended. Choose a longer time to see earlier ones.</p></Empty>
          : <>
            <div class="table" tabIndex={0} role="region" aria-label="Requests">
              <table>
                <thead><tr><th scope="col">Time</th>{tenants && <th scope="col">Tenant</th>}{projects && <th scope="col">Project</th>}{keys && <th scope="col">Key</th>}<th scope="col">Model</th><th scope="col" class="number">Tokens in</th><th scope="col" class="number">Tokens out</th><th scope="col" class="number">Cost</th></tr></thead>
                <tbody>{list.rows.map((used) => <Row key={used.number} used={used} digits={digits} tenants={tenants} projects={projects} keys={keys} />)}</tbody>
              </table>
            </div>
            <MoreButton list={list} />
          </>}
      </Shown>
    </PageFrame>
  );
}

// --- One request ---

const kKinds: Record<string, string> = { single: "moved", reserve: "held back", post: "moved from what was held back", void: "given back", expire: "given back, since its time was over" };
const kCodes: Record<string, string> = { charge: "Charge", budget: "Budget", lease: "Lent ahead", adjustment: "Adjustment", rounding: "Rounding" };

/// "Assets:Receivable:acme:search" is what acme owes for its project search.
export function accountText(name: string): string {
  const parts = name.split(":");
  if (parts[0] === "Assets" && parts[1] === "Receivable" && parts[2]) return `Owed by ${parts[2]}${parts[3] ? `, ${parts[3]}` : ""}`;
  if (parts[0] === "Income") return `Earned${parts.length > 2 ? ` with ${parts.slice(2).join(" ")}` : ""}`;
  return parts.slice(1).join(" · ") || name;
}

function UsageCard({ usage, prices }: { usage: TracedUsage; prices: ReadonlyMap<number, Price> }) {
  const charged = new Map(usage.charges.map((charge) => [charge.meter, charge]));
  const meters = Object.entries(usage.quantities).filter(([meter, quantity]) => quantity !== 0 || charged.has(meter));
  const digits = Math.max(4, digitsFor(usage.charges.map((charge) => dollarsFrom(charge.amount))));
  const facts: [string, string][] = [
    ["Time", timeText(Math.floor(usage.occurred_at_us / 1_000_000))], ["Tenant", usage.tenant], ["Project", usage.project], ["Key", keyName(usage.api_key)], ["Model", usage.model],
    ...(usage.tier ? [["Tier", usage.tier] as [string, string]] : []), ...(usage.end_user ? [["End user", usage.end_user] as [string, string]] : []),
  ];
  return (
    <section class="card">
      <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {usage.estimated && <p class="note">The server was stopped in the middle of this request; what it used is counted from what was sent.</p>}
      <h2>What it used, and the price of it</h2>
      <div class="table" tabIndex={0} role="region" aria-label="Charges">
        <table>
          <thead><tr><th scope="col">What</th><th scope="col" class="number">How much</th><th scope="col" class="number">Price</th><th scope="col" class="number">Cost</th></tr></thead>
          <tbody>
            {meters.map(([meter, quantity]) => {
              const charge = charged.get(meter), price = charge && prices.get(charge.price);
              return (
                <tr key={meter}>
                  <th scope="row">{meterText(meter)}</th>
                  <td class="number">{count(quantity)}</td>
                  <td class="number">{price ? priceText(price) : charge ? `price no. ${charge.price}` : <span class="soft">no price</span>}</td>
                  <td class="number">{charge ? <Money amount={dollarsFrom(charge.amount)} digits={digits} /> : "–"}</td>
                </tr>
              );
            })}
          </tbody>
          <tfoot><tr><th scope="row" colSpan={3}>Total</th><td class="number"><Money amount={dollarsFrom(usage.cost)} digits={digits} /></td></tr></tfoot>
        </table>
      </div>
      <p class="note">Exactly ${dollarsText(dollarsFrom(usage.cost))}.</p>
    </section>
  );
}

function amountText(transfer: Transfer) {
  return transfer.unit === "USD" ? <Money amount={dollarsFrom(transfer.amount)} /> : `${transfer.amount} ${transfer.unit === "TOKEN" ? "tokens" : "ms"}`;
}

function Transfers({ transfers }: { transfers: Transfer[] }) {
  if (transfers.length === 0) return <section class="card"><h2>In the books</h2><p class="quiet">No money has moved for it: none of what it used had a price.</p></section>;
  return (
    <section class="card">
      <h2>In the books</h2>
      <div class="table" tabIndex={0} role="region" aria-label="Transfers">
        <table>
          <thead><tr><th scope="col">Written</th><th scope="col">What</th><th scope="col">To</th><th scope="col">From</th><th scope="col" class="number">Amount</th></tr></thead>
          <tbody>
            {transfers.map((transfer) => (
              <tr key={transfer.number}>
                <th scope="row" title={`Transfer ${transfer.id}`}>No. {count(transfer.number)}, {timeText(Math.floor(transfer.booked_at_us / 1_000_000))}</th>
                <td class="wrap">{kCodes[transfer.code] ?? transfer.code}, {kKinds[transfer.kind] ?? transfer.kind}{transfer.correction && ", a correction of a closed month"}</td>
                <td title={transfer.debit}>{accountText(transfer.debit)}</td>
                <td title={transfer.credit}>{accountText(transfer.credit)}</td>
                <td class="number">{amountText(transfer)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function RequestPage({ id }: { id: string }) {
  const traced = useLoaded<{ trace: Trace; prices: Map<number, Price> }>(id, async (signal) => {
    const [trace, prices] = await Promise.all([
      read<Trace>(`/admin/v1/requests/${encodeURIComponent(id)}`, {}, signal),
      read<{ data: Price[] }>("/admin/v1/prices", {}, signal),
    ]);
    return { trace, prices: new Map(prices.data.map((price) => [price.number, price])) };
  });
  useEffect(() => { document.querySelector(".page")?.scrollTo(0, 0); }, [id]);
  return (
    <PageFrame title="One request" lead={<><a class="back" href="#/requests" onClick={(event) => { if (history.length > 1) { event.preventDefault(); history.back(); } }}><Icon name="chevron-left" size={15} />All requests</a><span class="id"><code>{id}</code><CopyButton text={() => id} label="Copy the request's id" size={14} /></span></>}>
      <Shown from={traced}>
        {({ trace, prices }) => (
          <>
            {trace.usage.map((usage, i) => <UsageCard key={i} usage={usage} prices={prices} />)}
            <Transfers transfers={trace.transfers} />
          </>
        )}
      </Shown>
    </PageFrame>
  );
}
