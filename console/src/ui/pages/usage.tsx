import { useMemo, useState } from "preact/hooks";
import { read, type UsageLine, type UsageReport } from "../../api/admin.ts";
import { count, countOf } from "../../format/count.ts";
import { csv } from "../../format/csv.ts";
import { digitsFor, dollarsFrom, money, roundMoney } from "../../format/money.ts";
import { bucketMark, bucketsIn, bucketText, dayField, kDay, timeText, type Bucket } from "../../format/time.ts";
import { keyName } from "../../state/names.ts";
import { seesProjects, seesTenants } from "../../state/session.ts";
import { download } from "../files.ts";
import { Icon } from "../icon.tsx";
import { addressOf, address_args, setArgs } from "../view.ts";
import { Chart, kColours, type ChartData } from "./chart.tsx";
import { FilterChips } from "./filters.tsx";
import { Empty, Money, PageFrame, Select, Shown, useLoaded } from "./frame.tsx";
import { bucketOf, bucketsFor, filtersOf, RangePicker, rangeOf, type Filter } from "./ranges.tsx";

type Measure = "cost" | "tokens" | "requests";
const kMeasures: [Measure, string][] = [["cost", "Cost"], ["tokens", "Tokens"], ["requests", "Requests"]];
const kBucketLabels: Record<Bucket, string> = { hour: "Hour", day: "Day", month: "Month" };
const kOther = "Other";

export interface Group {
  id: string;
  name: string;
  requests: number;
  prompt_tokens: number;
  output_tokens: number;
  cost: bigint;
  by_bucket: Map<number, { cost: bigint; tokens: bigint; requests: bigint }>;
}

/// Lines of one bucket and group each, as groups: the dearest first.
export function groupsOf(lines: UsageLine[], by: Filter): Group[] {
  const groups = new Map<string, Group>();
  for (const line of lines) {
    const id = line[by] ?? "";
    const group = groups.get(id) ?? { id, name: by === "key" ? keyName(id) : id, requests: 0, prompt_tokens: 0, output_tokens: 0, cost: 0n, by_bucket: new Map() };
    const cost = dollarsFrom(line.cost);
    group.requests += line.requests;
    group.prompt_tokens += line.prompt_tokens;
    group.output_tokens += line.output_tokens;
    group.cost += cost;
    group.by_bucket.set(line.from_at, { cost, tokens: BigInt(line.prompt_tokens + line.output_tokens), requests: BigInt(line.requests) });
    groups.set(id, group);
  }
  return [...groups.values()].sort((a, b) => (a.cost !== b.cost ? (a.cost < b.cost ? 1 : -1) : b.requests - a.requests || (a.name < b.name ? -1 : 1)));
}

/// As many as there are colours, the rest as one.
export function drawnGroups(groups: Group[], buckets: number[], measure: Measure): { name: string; values: bigint[] }[] {
  const valuesOf = (group: Group) => buckets.map((at) => group.by_bucket.get(at)?.[measure] ?? 0n);
  if (groups.length <= kColours) return groups.map((group) => ({ name: group.name, values: valuesOf(group) }));
  const rest = groups.slice(kColours - 1).map(valuesOf);
  return [
    ...groups.slice(0, kColours - 1).map((group) => ({ name: group.name, values: valuesOf(group) })),
    { name: kOther, values: buckets.map((_, i) => rest.reduce((sum, values) => sum + values[i]!, 0n)) },
  ];
}

function showOf(measure: Measure, values: bigint[]): (value: bigint) => string {
  const digits = digitsFor(values);
  return measure === "cost" ? (value) => money(value, digits) : count;
}

function markOf(measure: Measure): (value: bigint) => string {
  if (measure !== "cost") return (value) => new Intl.NumberFormat("en-GB", { notation: "compact" }).format(value);
  return roundMoney;
}

function downloadCsv(lines: UsageLine[], by: Filter, from: number, to: number): void {
  const head = ["from (UTC)", "to (UTC)", by, ...(by === "key" ? ["key name"] : []), "requests", "prompt tokens", "of them cached", "output tokens", "of them reasoning", "unpriced tokens", "cost (USD)"];
  const rows = lines.map((line) => [
    new Date(line.from_at * 1000).toISOString(), new Date(line.to_at * 1000).toISOString(), line[by] ?? "", ...(by === "key" ? [keyName(line.key ?? "")] : []),
    line.requests, line.prompt_tokens, line.cached_tokens, line.output_tokens, line.reasoning_tokens, line.unpriced_tokens, line.cost,
  ]);
  download(`bedplate-usage-by-${by}-${dayField(from)}-${dayField(to - kDay)}.csv`, "text/csv", csv([head, ...rows]));
}

function GroupTable({ groups, report, by, hidden }: { groups: Group[]; report: UsageReport; by: Filter; hidden: boolean }) {
  const digits = digitsFor([dollarsFrom(report.total.cost)]);
  const colour = (i: number) => (groups.length <= kColours ? i : Math.min(i, kColours - 1));
  return (
    <div class="table" tabIndex={0} role="region" aria-label={`Totals by ${by}`}>
      <table>
        <thead><tr><th scope="col">{by[0]!.toUpperCase() + by.slice(1)}</th><th scope="col" class="number">Requests</th><th scope="col" class="number">Tokens in</th><th scope="col" class="number">Tokens out</th><th scope="col" class="number">Cost</th></tr></thead>
        <tbody>
          {groups.map((group, i) => (
            <tr key={group.id}>
              <th scope="row">
                {!hidden && <i class={`swatch chart-${colour(i)}`} />}
                <button type="button" class="link" title={`Show only this ${by}`} onClick={() => setArgs({ [by]: group.id })}>{group.name || "(none)"}</button>
              </th>
              <td class="number">{count(group.requests)}</td><td class="number">{count(group.prompt_tokens)}</td><td class="number">{count(group.output_tokens)}</td>
              <td class="number"><Money amount={group.cost} digits={digits} /></td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr><th scope="row">Total</th><td class="number">{count(report.total.requests)}</td><td class="number">{count(report.total.prompt_tokens)}</td><td class="number">{count(report.total.output_tokens)}</td><td class="number"><Money amount={dollarsFrom(report.total.cost)} digits={digits} /></td></tr>
        </tfoot>
      </table>
    </div>
  );
}

/// Said beside a cost that some of what was used is not in.
export function Unpriced({ tokens }: { tokens: number }) {
  if (tokens === 0) return null;
  return <p class="warned"><Icon name="circle-alert" size={17} /><span>{countOf(tokens, "token")} without a price, in no cost here. <a href={addressOf("prices")}>Prices</a> says which.</span></p>;
}

/// What the chart draws, as numbers: a row for each bar, a column for each colour.
function BucketTable({ data, hovered, heading }: { data: ChartData; hovered: number | null; heading: string }) {
  const sum = (values: bigint[]) => values.reduce((all, value) => all + value, 0n);
  const rows = data.buckets.map((bucket, i) => ({ bucket, i, values: data.groups.map((group) => group.values[i]!) })).filter(({ values }) => sum(values) !== 0n).reverse();
  return (
    <div class="table" tabIndex={0} role="region" aria-label={heading}>
      <table>
        <thead>
          <tr><th scope="col">{heading}</th>{data.groups.length > 1 && data.groups.map((group, i) => <th scope="col" class="number" key={i}><i class={`swatch chart-${i}`} />{group.name || "(none)"}</th>)}<th scope="col" class="number">Total</th></tr>
        </thead>
        <tbody>
          {rows.map(({ bucket, i, values }) => (
            <tr key={i} class={hovered === i ? "pointed" : undefined} data-bucket={i}>
              <th scope="row">{bucket.text}</th>
              {data.groups.length > 1 && values.map((value, g) => <td class="number" key={g}>{value === 0n ? <span class="nothing">–</span> : data.show(value)}</td>)}
              <td class="number total">{data.show(sum(values))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function UsagePage() {
  const args = address_args.value;
  const now = Math.floor(Date.now() / 1000);
  const range = rangeOf(args, now);
  const bucket = bucketOf(args, range);
  const filters = filtersOf(args);
  const groupings = ([["tenant", "Tenant"], ["project", "Project"], ["key", "Key"], ["model", "Model"]] as [Filter, string][])
    .filter(([name]) => (name !== "tenant" || seesTenants("usage.report")) && (name !== "project" || seesProjects("usage.report")));
  const by = groupings.find(([name]) => name === args.get("by"))?.[0] ?? "model";
  const measure = kMeasures.find(([name]) => name === args.get("show"))?.[0] ?? "cost";
  const question = { from: range.from, to: range.to, bucket, group_by: by, ...filters };
  const report = useLoaded(JSON.stringify(question), (signal) => read<UsageReport>("/admin/v1/usage", question, signal));
  const [hovered, setHovered] = useState<number | null>(null);
  const names = by === "key" ? (report.value?.data ?? []).map((line) => keyName(line.key ?? "")).join() : "";
  const groups = useMemo(() => groupsOf(report.value?.data ?? [], by), [report.value, by, names]);
  const data = useMemo<ChartData>(() => {
    const buckets = bucketsIn(bucket, range.from, Math.min(range.to, bucket === "hour" ? Math.max(now + 1, range.from + 1) : range.to));
    const drawn = drawnGroups(groups, buckets, measure);
    const show = showOf(measure, buckets.map((_, i) => drawn.reduce((sum, group) => sum + group.values[i]!, 0n)));
    const label = `${kMeasures.find(([name]) => name === measure)![1]} by ${bucket}, ${range.text}. The table below has the same numbers.`;
    return { label, groups: drawn, show, mark: markOf(measure), buckets: buckets.map((at) => ({ mark: bucketMark(bucket, at), text: bucketText(bucket, at) })) };
  }, [groups, bucket, measure, range.from, range.to]);
  return (
    <PageFrame title="Usage" lead="What was used, and what it cost. Days and hours are UTC."
      actions={<button type="button" class="button" disabled={!report.value || report.value.data.length === 0} onClick={() => downloadCsv(report.value!.data, by, range.from, range.to)}><Icon name="download" size={16} />Download CSV</button>}>
      <div class="toolbar" role="group" aria-label="What is shown">
        <RangePicker range={range} />
        <Select label="Each bar is" value={bucket} choices={bucketsFor(range).map((value) => ({ value, label: `One ${kBucketLabels[value].toLowerCase()}` }))} onChange={(value) => setArgs({ bucket: value })} />
        <Select label="Split by" value={by} choices={groupings.map(([value, label]) => ({ value, label }))} onChange={(value) => setArgs({ by: value })} />
        <Select label="Show" value={measure} choices={kMeasures.map(([value, label]) => ({ value, label }))} onChange={(value) => setArgs({ show: value })} />
      </div>
      <FilterChips />
      <Shown from={report}>
        {(value) => value.data.length === 0
          ? <Empty icon="chart-column" title={`Nothing was used: ${range.text}`}>
            <p>Requests to a model appear here as soon as they have ended. Choose a longer time, or <a href="#/">ask a model something</a>.</p>
          </Empty>
          : <>
            <Unpriced tokens={value.total.unpriced_tokens} />
            <div class="usage-top">
              <section class="card" aria-label="Chart"><Chart data={data} onHover={setHovered} /></section>
              <GroupTable groups={groups} report={value} by={by} hidden={groups.length === 1} />
            </div>
            <p class="note">{timeText(value.from_at)} to {timeText(value.to_at)}, UTC. Amounts are rounded for reading; the CSV file has every digit. <a href={addressOf("requests", { ...Object.fromEntries(args), by: undefined, bucket: undefined, show: undefined })}>See the requests</a></p>
            <BucketTable data={data} hovered={hovered} heading={kBucketLabels[bucket]} />
          </>}
      </Shown>
    </PageFrame>
  );
}
