// What can go wrong with a request, in one shape that the pages know how to show.

export type FailureKind =
  | "offline"      // no answer at all: the server is down, restarting, or the network is
  | "broken"       // the stream ended before its end mark
  | "busy"         // 429, 503: try again later
  | "key"          // 401, 403
  | "context"      // the conversation no longer fits the model
  | "template"     // the model has no chat template
  | "request"      // other 4xx
  | "server";      // other 5xx, and whatever makes no sense

export interface Failure {
  kind: FailureKind;
  message: string;
  status?: number;
  code?: string;
  param?: string;
  request_id?: string;
  retry_after_s?: number;
}

/// Carries a Failure through promise chains.
export class ApiError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

const kTextMax = 2000;  // characters of an error that is shown; a proxy's HTML page would fill the screen

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, kTextMax) : undefined;
}

/// Reads `{"error": {...}}`, or the bare object inside it; anything else gives a message made from the status.
export function failureFrom(status: number, body: unknown, headers?: Headers): Failure {
  const outer = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const inner = typeof outer.error === "object" && outer.error !== null ? (outer.error as Record<string, unknown>) : outer;
  const message = text(inner.message) ?? text(outer.error)
    ?? (status ? `The server answered with status ${status} and no explanation.` : "The server reported an error without an explanation.");
  const code = typeof inner.code === "number" ? String(inner.code) : text(inner.code);
  const retry = Number(headers?.get("retry-after") ?? NaN);
  const failure: Failure = { kind: kindOf(status, code, message), message };
  if (status) failure.status = status;
  if (code) failure.code = code;
  const param = text(inner.param);
  if (param) failure.param = param;
  const id = headers?.get("x-request-id");
  if (id) failure.request_id = id;
  if (Number.isFinite(retry) && retry >= 0) failure.retry_after_s = Math.min(retry, 3600);
  return failure;
}

function kindOf(status: number, code: string | undefined, message: string): FailureKind {
  if (code === "context_length_exceeded") return "context";
  if (status === 400 && /chat.template/i.test(message)) return "template";
  if (status === 401 || status === 403) return "key";
  if (status === 429 || status === 503) return "busy";
  if (status >= 400 && status < 500) return "request";
  return "server";
}

/// The failure in whatever a promise rejected with. Aborts are the caller's own doing and must be told apart before.
export function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  return { kind: "offline", message: "No answer came from it. Your message is kept here; try again once it is back." };
}
