// From when to when: the choices that several pages give, kept in the address.
import { dayBegin, dayField, dayFrom, kDay, monthBegin, type Bucket } from "../../format/time.ts";
import { address_args, setArgs } from "../view.ts";
import { Select } from "./frame.tsx";

export interface Range { from: number; to: number; text: string }

const kRanges: [string, string][] = [
  ["today", "Today"], ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["month", "This month"], ["last-month", "Last month"],
  ["12m", "Last 12 months"], ["custom", "From … to …"],
];

/// Whole days of UTC, today's included to its end.
export function rangeOf(args: URLSearchParams, now: number, otherwise = "30d"): Range & { name: string } {
  const asked = args.get("range") ?? otherwise;
  const name = kRanges.some(([one]) => one === asked) ? asked : otherwise;
  const tomorrow = dayBegin(now) + kDay;
  const text = kRanges.find(([one]) => one === name)![1].toLowerCase();
  switch (name) {
    case "today": return { name, text, from: tomorrow - kDay, to: tomorrow };
    case "7d": return { name, text, from: tomorrow - 7 * kDay, to: tomorrow };
    case "month": return { name, text, from: monthBegin(now), to: monthBegin(now, 1) };
    case "last-month": return { name, text, from: monthBegin(now, -1), to: monthBegin(now) };
    case "12m": return { name, text, from: monthBegin(now, -11), to: monthBegin(now, 1) };
    case "custom": {
      const from = dayFrom(args.get("from") ?? "") ?? tomorrow - 30 * kDay;
      const last = dayFrom(args.get("to") ?? "") ?? tomorrow - kDay;
      return { name, text: `${dayField(from)} to ${dayField(Math.max(from, last))}`, from, to: Math.max(from, last) + kDay };
    }
    default: return { name, text, from: tomorrow - 30 * kDay, to: tomorrow };
  }
}

const kBucketsMax = 800;
const kSeconds: Record<Bucket, number> = { hour: 3600, day: kDay, month: 28 * kDay };

/// Those that a time can be cut into and still be read.
export function bucketsFor({ from, to }: Range): Bucket[] {
  const all = (["hour", "day", "month"] as const).filter((bucket) => (to - from) / kSeconds[bucket] <= kBucketsMax && (bucket !== "month" || to - from > 28 * kDay) && (bucket !== "day" || to - from > kDay));
  return all.length > 0 ? all : ["month"];
}

export function bucketOf(args: URLSearchParams, range: Range): Bucket {
  const possible = bucketsFor(range);
  const asked = possible.find((one) => one === args.get("bucket"));
  if (asked) return asked;
  const days = (range.to - range.from) / kDay;
  return possible.find((one) => one === (days <= 2 ? "hour" : days <= 92 ? "day" : "month")) ?? possible[0]!;
}

export function RangePicker({ range }: { range: Range & { name: string } }) {
  const args = address_args.value;
  return (
    <>
      <Select label="Time" value={range.name} choices={kRanges.map(([value, label]) => ({ value, label }))}
        onChange={(value) => setArgs({ range: value, bucket: undefined, ...(value === "custom" ? { from: dayField(range.from), to: dayField(range.to - kDay) } : { from: undefined, to: undefined }) })} />
      {range.name === "custom" && (
        <>
          <label class="picker"><span>From</span><input type="date" class="field" value={args.get("from") ?? ""} max="9999-12-31" onChange={(event) => setArgs({ from: event.currentTarget.value })} /></label>
          <label class="picker"><span>To and with</span><input type="date" class="field" value={args.get("to") ?? ""} max="9999-12-31" onChange={(event) => setArgs({ to: event.currentTarget.value })} /></label>
        </>
      )}
    </>
  );
}

export const kFilters = ["tenant", "project", "key", "model"] as const;
export type Filter = (typeof kFilters)[number];

export function filtersOf(args: URLSearchParams): Partial<Record<Filter, string>> {
  return Object.fromEntries(kFilters.flatMap((name) => { const value = args.get(name); return value ? [[name, value]] : []; }));
}
