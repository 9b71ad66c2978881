// Money as the server tells it: dollars as decimal text, with at most twelve digits after the point. Here it is a whole
// number of pico-dollars (bigint) and becomes text again digit by digit: no amount is ever a float.

export type Picodollars = bigint;

const kDigits = 12;
const kDollar = 10n ** 12n;

/// undefined where the text is no amount.
export function parseDollars(text: string): Picodollars | undefined {
  const match = /^(-?)(\d{1,18})(?:\.(\d{1,12}))?$/.exec(text.trim());
  if (!match) return undefined;
  const value = BigInt(match[2]!) * kDollar + BigInt((match[3] ?? "").padEnd(kDigits, "0"));
  return match[1] === "-" ? -value : value;
}

/// What the server sent; an amount that can't be read is a bug somewhere, and must not look like no money.
export function dollarsFrom(text: unknown): Picodollars {
  const value = typeof text === "string" ? parseDollars(text) : undefined;
  if (value === undefined) throw new Error("The server sent an amount of money that this page can't read.");
  return value;
}

/// Every digit that counts, at least two: "12.50", "0.00000015".
export function dollarsText(amount: Picodollars): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(kDigits + 1, "0");
  const fraction = digits.slice(-kDigits).replace(/0+$/, "").padEnd(2, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -kDigits)}.${fraction}`;
}

/// How many digits after the point a column needs, so that its largest amount has four that say something; two from
/// a dollar on.
export function digitsFor(amounts: Iterable<Picodollars>): number {
  let largest = 0n;
  for (const amount of amounts) if (amount > largest || -amount > largest) largest = amount < 0n ? -amount : amount;
  if (largest === 0n || largest >= kDollar) return 2;
  for (let digits = 4; digits < kDigits; digits += 2) if (largest >= kDollar / 10n ** BigInt(digits - 2)) return digits;
  return kDigits;
}

/// Rounded to so many digits, half away from zero: "$1,234.50". What is there and too small to show is "<$0.01".
export function money(amount: Picodollars, digits = digitsFor([amount])): string {
  const unit = 10n ** BigInt(kDigits - digits);
  const size = amount < 0n ? -amount : amount;
  const rounded = (size + unit / 2n) / unit;
  const sign = amount < 0n ? "−" : "";
  if (rounded === 0n && size > 0n) return `${sign}<$${plain(1n, digits)}`;
  return `${sign}$${plain(rounded, digits)}`;
}

function plain(scaled: bigint, digits: number): string {
  const text = scaled.toString().padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
  return digits === 0 ? whole : `${whole}.${text.slice(-digits)}`;
}

/// An amount that is a round number, with no more digits than it has: "$20", "$0.50".
export function roundMoney(amount: Picodollars): string {
  const digits = dollarsText(amount).split(".")[1]!.replace(/0+$/, "").length;
  return money(amount, digits === 1 ? 2 : digits);
}
