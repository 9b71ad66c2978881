// What the server is doing now, from /metrics, for those who may read it.

export interface Live {
  tokens_per_second: number | null;  // of output; null until there are two readings
  waiting: number;
  running: number;
  ready: boolean;
}

/// The sum of a family's samples that have these labels. The text is Prometheus's: NAME{label="value",...} NUMBER
export function sumOf(page: string, name: string, label = ""): number {
  let sum = 0;
  for (const line of page.split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (label !== "" && !line.includes(label)) continue;
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (Number.isFinite(value)) sum += value;
  }
  return sum;
}

/// Two readings make a rate; a server that was started between them has counted from 0 again.
export class LiveReader {
  private tokens = 0;
  private at_ms = 0;

  take(page: string, now_ms: number): Live {
    const tokens = sumOf(page, "bedplate_tokens_total", "kind=\"output\"");
    const passed_s = (now_ms - this.at_ms) / 1000;
    const rate = this.at_ms === 0 || passed_s <= 0 || tokens < this.tokens ? null : (tokens - this.tokens) / passed_s;
    this.tokens = tokens;
    this.at_ms = now_ms;
    return {
      tokens_per_second: rate,
      waiting: sumOf(page, "bedplate_requests_waiting"),
      running: sumOf(page, "bedplate_sequences_running"),
      ready: sumOf(page, "bedplate_ready") > 0,
    };
  }
}
