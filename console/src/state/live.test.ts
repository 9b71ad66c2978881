import { expect, test } from "vitest";
import { LiveReader, sumOf } from "./live.ts";

const page = (tokens: number) => `# HELP bedplate_tokens_total Tokens.
bedplate_tokens_total{model="a",kind="output"} ${tokens}
bedplate_tokens_total{model="b",kind="output"} 5
bedplate_tokens_total{model="a",kind="prompt_cached"} 900
bedplate_requests_waiting{model="a"} 2
bedplate_requests_waiting{model="b"} 3
bedplate_sequences_running{model="a"} 1
bedplate_ready 1
`;

test("samples are summed over models, by whole names", () => {
  expect(sumOf(page(10), "bedplate_tokens_total", "kind=\"output\"")).toBe(15);
  expect(sumOf(page(10), "bedplate_requests_waiting")).toBe(5);
  expect(sumOf(page(10), "bedplate_tokens")).toBe(0);
});

test("a rate needs two readings, and a restart is no negative one", () => {
  const reader = new LiveReader();
  expect(reader.take(page(10), 1000)).toEqual({ tokens_per_second: null, waiting: 5, running: 1, ready: true });
  expect(reader.take(page(50), 3000).tokens_per_second).toBe(20);
  expect(reader.take(page(0), 4000).tokens_per_second).toBeNull();
});
