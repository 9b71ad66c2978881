// Comma-separated values as spreadsheets read them (RFC 4180).

/// A text that a spreadsheet would take for a formula is kept from being one.
function cell(value: string | number | bigint): string {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, "\"\"")}"` : safe;
}

export function csv(rows: (string | number | bigint)[][]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
