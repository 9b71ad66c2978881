// Server-sent events, as the HTML standard parses them (section 9.2.6), less what this API never sends: only `data` is
// kept. Lines may end in LF, CR LF or CR; a line, or a UTF-8 character, may be cut anywhere between two reads.

export class SseParser {
  private buffer = "";
  private data: string[] = [];
  private skip_line_feed = false;

  /// Takes the next piece of the body and returns the data of the events that it completes.
  push(text: string): string[] {
    if (this.skip_line_feed && text.length > 0) {
      if (text[0] === "\n") text = text.slice(1);
      this.skip_line_feed = false;
    }
    this.buffer += text;
    const events: string[] = [];
    let start = 0;
    for (;;) {
      const end = nextLineEnd(this.buffer, start);
      if (end < 0) break;
      this.line(this.buffer.slice(start, end), events);
      start = end + 1;
      if (this.buffer[end] !== "\r") continue;
      if (this.buffer[start] === "\n") ++start;
      else if (start === this.buffer.length) this.skip_line_feed = true;
    }
    this.buffer = this.buffer.slice(start);
    return events;
  }

  private line(line: string, events: string[]): void {
    if (line === "") {
      if (this.data.length > 0) events.push(this.data.join("\n"));
      this.data = [];
      return;
    }
    if (line.startsWith(":")) return;  // a comment: servers send it as a ping
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(colon + 1);
    this.data.push(value.startsWith(" ") ? value.slice(1) : value);
  }
}

function nextLineEnd(text: string, from: number): number {
  const feed = text.indexOf("\n", from);
  const carriage = text.indexOf("\r", from);
  return feed < 0 ? carriage : carriage < 0 ? feed : Math.min(feed, carriage);
}

/// The data of each event of a response body, in order. Ends at the end of the body; cancels the body when left early.
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* parser.push(done ? decoder.decode() : decoder.decode(value, { stream: true }));
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
