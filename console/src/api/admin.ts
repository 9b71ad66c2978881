// The admin API and the console's session, as far as the pages use them. Money stays the text that the server sent.
import { failWith } from "./client.ts";

export type Reach = "key" | "project" | "tenant" | "everywhere";

/// Who this browser is to the server.
export interface Session {
  keys_asked: boolean;
  signed_in: boolean;
  tenant?: string;
  project?: string;
  key?: string;
  name?: string | null;
  role?: Role | null;
  operator?: boolean;
  may_use_models?: boolean;
  may_read_metrics?: boolean;
  may?: Record<string, Reach>;
}
export type Role = "owner" | "billing" | "admin" | "member" | "auditor";

export interface Tenant { name: string; operator: boolean; created_at: number; disabled_at: number | null }
export interface Project { tenant: string; name: string; created_at: number; disabled_at: number | null }

export interface Limits {
  concurrent_requests: number | null;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  body_bytes_max: number | null;
  output_tokens_max: number | null;
  request_seconds_max: number | null;
}
export interface Key extends Limits {
  id: string;
  name: string;
  tenant: string;
  project: string;
  role: Role;
  kind: "bearer" | "access_key";
  scopes: string[];
  models: string[];
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  secrets: { number: number; created_at: number; ends_at: number | null; access_key_id?: string }[];
}
/// What making or rotating a key shows, this once.
export interface NewKey extends Key {
  key?: string;
  access_key_id?: string;
  secret_access_key?: string;
}

export interface Price {
  number: number;
  tenant: string | null;
  model: string | null;
  tier: string | null;
  meter: string;
  amount: string;
  per: number;
  from_at: number;
  to_at: number | null;
}

export interface Budget {
  tenant: string;
  name: string;
  project: string | null;
  key: string | null;
  model: string | null;
  kind: "hard" | "soft";
  unit: "usd" | "tokens";
  amount: string;
  period: "day" | "month" | "total";
  created_at: number;
  disabled_at: number | null;
  spent?: string;
  left?: string;
  period_to_at?: number | null;
}

/// This month's tokens that had no price.
export interface Unpriced { tenant: string; model: string; meter: string; tokens: number }
export interface PriceList { data: Price[]; unpriced: Unpriced[] }

export interface Used {
  requests: number;
  prompt_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  unpriced_tokens: number;
  cost: string;
}
export interface UsageLine extends Used {
  from_at: number;
  to_at: number;
  tenant?: string;
  project?: string;
  key?: string;
  model?: string;
}
export interface UsageReport { from_at: number; to_at: number; data: UsageLine[]; total: Used }

export interface UsedRequest {
  number: number;
  request: string;
  time_at: number;
  tenant: string;
  project: string;
  key: string;
  model: string;
  prompt_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  unpriced_tokens: number;
  cost: string | null;
}
export interface RequestList { data: UsedRequest[]; next_before: number | null }

export interface Charge { meter: string; price: number; quantity: number; amount: string }
export interface TracedUsage {
  request: string;
  tenant: string;
  project: string;
  api_key: string;
  model: string;
  tier: string;
  end_user: string;
  estimated: boolean;
  occurred_at_us: number;
  cost: string;
  quantities: Record<string, number>;
  charges: Charge[];
}
export interface Transfer {
  number: number;
  id: string;
  kind: string;
  code: string;
  debit: string;
  credit: string;
  amount: string;
  unit: string;
  booked_at_us: number;
  correction: boolean;
}
export interface Trace { usage: TracedUsage[]; transfers: Transfer[] }

export interface AuditRow { number: number; time: number; actor: string; verb: string; tenant: string; subject: string; details: unknown }

export type Arguments = Record<string, string | number | boolean | string[] | null | undefined>;

async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) await failWith(response);
  return await response.json() as T;
}

export async function read<T>(path: string, args: Arguments = {}, signal?: AbortSignal): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  const text = query.size === 0 ? "" : `?${query.toString()}`;
  return answer(await fetch(path + text, { cache: "no-store", ...(signal ? { signal } : {}) }));
}

export async function write<T>(path: string, body: Arguments = {}): Promise<T> {
  return answer(await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
}

/// For who may use no model: whether the server answers, and no list.
export async function readHealth(signal: AbortSignal): Promise<[]> {
  await read<unknown>("/health", {}, signal);
  return [];
}

const kSession = "/console/session";

export async function readSession(signal?: AbortSignal): Promise<Session> {
  return read<Session>(kSession, {}, signal);
}
export async function beginSession(key: string): Promise<Session> {
  return write<Session>(kSession, { key });
}
export async function endSession(): Promise<Session> {
  return answer(await fetch(kSession, { method: "DELETE" }));
}
