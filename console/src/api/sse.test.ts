// Method: a reference parse of whole texts; then the same bytes cut at every place, and into single bytes.
import { expect, test } from "vitest";
import { readEvents, SseParser } from "./sse.ts";

const kCases: [name: string, text: string, events: string[]][] = [
  ["plain", "data: a\n\ndata: b\n\n", ["a", "b"]],
  ["no space, and only one taken away", "data:a\n\ndata:  b\n\n", ["a", " b"]],
  ["lines are joined", "data: a\ndata: b\n\n", ["a\nb"]],
  ["comments and other fields", ": ping\n\nevent: x\nid: 7\nretry: 3\ndata: a\n\n", ["a"]],
  ["CR LF and CR", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]],
  ["empty data is an event", "data\n\ndata:\n\n", ["", ""]],
  ["an unfinished event is dropped", "data: a\n\ndata: b\n", ["a"]],
  ["many characters", "data: grüße 你好 👍🏽\n\n", ["grüße 你好 👍🏽"]],
];

function bodyOf(chunks: Uint8Array[], cancelled?: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel: cancelled,
  });
}

async function gather(chunks: Uint8Array[]): Promise<string[]> {
  const events: string[] = [];
  for await (const data of readEvents(bodyOf(chunks))) events.push(data);
  return events;
}

for (const [name, text, events] of kCases) {
  test(name, async () => {
    expect(new SseParser().push(text)).toEqual(events);
    const bytes = new TextEncoder().encode(text);
    for (let cut = 0; cut <= bytes.length; ++cut) {
      expect(await gather([bytes.slice(0, cut), bytes.slice(cut)]), `cut at ${cut}`).toEqual(events);
    }
    expect(await gather([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(events);
  });
}

test("leaving early cancels the body", async () => {
  let cancelled = false;
  const chunk = () => new TextEncoder().encode("data: a\n\n");
  for await (const data of readEvents(bodyOf([chunk(), chunk(), chunk()], () => { cancelled = true; }))) {
    expect(data).toBe("a");
    break;
  }
  await new Promise((done) => setTimeout(done, 0));
  expect(cancelled).toBe(true);
});
