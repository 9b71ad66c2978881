import { useEffect, useMemo, useState } from "preact/hooks";
import { read, type UsageReport } from "../../api/admin.ts";
import { count, countOf } from "../../format/count.ts";
import { digitsFor, dollarsFrom, money, roundMoney, type Picodollars } from "../../format/money.ts";
import { bucketMark, bucketsIn, bucketText, dayBegin, dayText, kDay, monthBegin } from "../../format/time.ts";
import { LiveReader, type Live } from "../../state/live.ts";
import { may_use_models, session, seesTenants } from "../../state/session.ts";
import { addressOf } from "../view.ts";
import { Chart, type ChartData } from "./chart.tsx";
import { Empty, Money, PageFrame, Shown, useLoaded } from "./frame.tsx";
import { groupsOf, Unpriced } from "./usage.tsx";

const kLiveMs = 3000;
const kTopMax = 6;
const kCent = 10n ** 10n;

/// undefined: may not be read; null: not read yet, or the server is away.
function useLive(): Live | null | undefined {
  const [live, setLive] = useState<Live | null>(null);
  const allowed = session.value?.may_read_metrics === true;
  useEffect(() => {
    if (!allowed) return;
    const reader = new LiveReader();
    const ask = () => {
      if (document.visibilityState !== "visible") return;
      fetch("/metrics", { cache: "no-store" }).then((response) => (response.ok ? response.text() : Promise.reject(new Error("metrics"))))
        .then((text) => setLive(reader.take(text, performance.now())), () => setLive(null));
    };
    ask();
    const second = setTimeout(ask, 1000);  // a rate needs two readings
    const timer = setInterval(ask, kLiveMs);
    return () => {
      clearTimeout(second);
      clearInterval(timer);
    };
  }, [allowed]);
  return allowed ? live : undefined;
}

function Figure({ label, value, note }: { label: string; value: preact.ComponentChildren; note?: string }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd class="figure-value">{value}</dd>
      {note && <dd class="figure-note">{note}</dd>}
    </div>
  );
}

/// In cents, from a cent on.
function Spent({ amount }: { amount: Picodollars }) {
  return <Money amount={amount} digits={amount >= kCent ? 2 : digitsFor([amount])} />;
}

function whose(): string {
  const who = session.value;
  const reach = who?.may?.["usage.report"];
  return reach === "everywhere" ? "of all tenants" : reach === "tenant" ? `of ${who?.tenant}` : reach === "project" ? `of the project ${who?.project} of ${who?.tenant}` : "of your own key";
}

function Top({ report, by, range }: { report: UsageReport; by: "tenant" | "model"; range: string }) {
  const groups = groupsOf(report.data, by).slice(0, kTopMax);
  const digits = digitsFor(groups.map((group) => group.cost));
  return (
    <section class="card">
      <h2>{by === "tenant" ? "Tenants" : "Models"} this month</h2>
      {groups.length === 0 ? <p class="quiet">Nothing yet.</p> : (
        <table class="plain">
          <tbody>
            {groups.map((group) => (
              <tr key={group.id}>
                <th scope="row"><a href={addressOf("usage", { range, [by]: group.id })}>{group.name}</a></th>
                <td class="number soft">{countOf(group.requests, "request")}</td>
                <td class="number"><Money amount={group.cost} digits={digits} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

interface Figures { today: UsageReport; month: UsageReport; days: UsageReport; tenants: UsageReport | null }

export function OverviewPage() {
  const now = Math.floor(Date.now() / 1000);
  const today = dayBegin(now);
  const month = monthBegin(now);
  const begin = today - 29 * kDay;
  const all = seesTenants("usage.report");
  const live = useLive();
  const figures = useLoaded<Figures>(`${today} ${all}`, async (signal) => {
    const ask = (args: Record<string, string | number>) => read<UsageReport>("/admin/v1/usage", { to: today + kDay, ...args }, signal);
    const [of_today, of_month, days, tenants] = await Promise.all([
      ask({ from: today }), ask({ from: month, group_by: "model" }), ask({ from: begin, bucket: "day" }), all ? ask({ from: month, group_by: "tenant" }) : null,
    ]);
    return { today: of_today, month: of_month, days, tenants };
  });
  useEffect(() => {
    const timer = setInterval(() => { if (document.visibilityState === "visible") figures.again(); }, 30_000);
    return () => clearInterval(timer);
  }, []);
  const data = useMemo<ChartData>(() => {
    const buckets = bucketsIn("day", begin, today + kDay);
    const of_day = new Map((figures.value?.days.data ?? []).map((line) => [line.from_at, dollarsFrom(line.cost)]));
    const values = buckets.map((at) => of_day.get(at) ?? 0n);
    const digits = digitsFor(values);
    return {
      label: "Cost by day, the last 30 days. The page Usage has the same numbers as a table.", groups: [{ name: "Cost", values }], show: (value) => money(value, digits), mark: roundMoney,
      buckets: buckets.map((at) => ({ mark: bucketMark("day", at), text: bucketText("day", at) })),
    };
  }, [figures.value, today]);
  return (
    <PageFrame title="Overview" lead={`What is going on, and what it costs: ${whose()}.`}>
      <Shown from={figures}>
        {(value) => (
          <>
            <dl class="figures">
              <Figure label="Spent today" value={<Spent amount={dollarsFrom(value.today.total.cost)} />} note={dayText(today)} />
              <Figure label="Spent this month" value={<Spent amount={dollarsFrom(value.month.total.cost)} />} note={`since ${dayText(month)}`} />
              <Figure label="Requests today" value={count(value.today.total.requests)} note={`${count(value.today.total.prompt_tokens)} tokens in, ${count(value.today.total.output_tokens)} out`} />
              {live !== undefined && (
                <Figure label="Being written now" value={live?.tokens_per_second === null || live === null ? "–" : `${count(Math.round(live.tokens_per_second))} tokens/s`}
                  note={live === null ? "the server does not say" : `${live.running} running, ${live.waiting} waiting`} />
              )}
            </dl>
            <Unpriced tokens={value.month.total.unpriced_tokens} />
            {value.days.data.length === 0
              ? <Empty icon="chart-column" title="Nothing has been used in the last 30 days">
                <p>{may_use_models.value ? <>Send a request with your key, or <a href="#/">ask a model something here</a>: what it costs shows up on this page.</> : "What requests cost shows up on this page as soon as there are some."}</p>
              </Empty>
              : <section class="card"><h2>Cost by day, last 30 days</h2><Chart data={data} /></section>}
            <div class="pair">
              <Top report={value.month} by="model" range="month" />
              {value.tenants && <Top report={value.tenants} by="tenant" range="month" />}
            </div>
          </>
        )}
      </Shown>
    </PageFrame>
  );
}
