// Days and hours as the books count them: in UTC, whatever the reader's clock says, so that a day's total is the same
// for everybody who looks. Times are Unix seconds.

export type Bucket = "hour" | "day" | "month";

export const kHour = 3600;
export const kDay = 86_400;

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}

function format(options: Intl.DateTimeFormatOptions): (seconds: number) => string {
  const formatter = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return (seconds) => formatter.format(dateOf(seconds));
}

/// "30 Nov 2026"
export const dayText = format({ day: "numeric", month: "short", year: "numeric" });
/// "30 Nov 2026, 08:15:30"
export const timeText = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
/// "30 Nov 2026, 08:15"
export const minuteText = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const monthText = format({ month: "short", year: "numeric" });
const shortDay = format({ day: "numeric", month: "short" });
const hourText = format({ hour: "2-digit", minute: "2-digit" });

export function bucketText(bucket: Bucket, from: number): string {
  return bucket === "month" ? monthText(from) : bucket === "day" ? dayText(from) : `${shortDay(from)}, ${hourText(from)}`;
}

/// For an axis, where there is less room.
export function bucketMark(bucket: Bucket, from: number): string {
  if (bucket === "month") return monthText(from);
  return bucket === "hour" && from % kDay !== 0 ? hourText(from) : shortDay(from);
}

export function monthBegin(seconds: number, later = 0): number {
  const date = dateOf(seconds);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later, 1) / 1000;
}
export function dayBegin(seconds: number): number {
  return seconds - (seconds % kDay);
}

/// The beginnings of all buckets in [from, to), those without any use too.
export function bucketsIn(bucket: Bucket, from: number, to: number): number[] {
  const all: number[] = [];
  let at = bucket === "month" ? monthBegin(from) : from - (from % (bucket === "day" ? kDay : kHour));
  for (; at < to; at = bucket === "month" ? monthBegin(at, 1) : at + (bucket === "day" ? kDay : kHour)) all.push(at);
  return all;
}

/// "2026-11-30" as a date field has it, to the beginning of that day; undefined where it is none.
export function dayFrom(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(ms) ? ms / 1000 : undefined;
}
export function dayField(seconds: number): string {
  return dateOf(seconds).toISOString().slice(0, 10);
}
