const whole = new Intl.NumberFormat("en-GB");

/// 1234567 is "1,234,567".
export function count(value: number | bigint): string {
  return whole.format(value);
}

/// "1 request", "2 requests"
export function countOf(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}
