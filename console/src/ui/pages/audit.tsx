import { useSignal } from "@preact/signals";
import { read, type AuditRow } from "../../api/admin.ts";
import { failureOf, type Failure } from "../../api/errors.ts";
import { countOf } from "../../format/count.ts";
import { timeText } from "../../format/time.ts";
import { keyName } from "../../state/names.ts";
import { reachOf, session } from "../../state/session.ts";
import { Icon } from "../icon.tsx";
import { Empty, PageFrame, Problem, Shown } from "./frame.tsx";
import { MoreButton, useMore } from "./requests.tsx";

const kPageRows = 100;

const kVerbs: Record<string, string> = {
  "tenant.init": "set up the server's tenants", "tenant.create": "made the tenant", "tenant.disable": "disabled the tenant", "tenant.enable": "enabled the tenant again",
  "project.create": "made the project", "project.disable": "disabled the project", "project.enable": "enabled the project again",
  "key.create": "made the key", "key.update": "changed the key", "key.rotate": "gave another secret to the key", "key.revoke": "revoked the key",
  "secrets.rotate": "added a version to the secret file", "price.add": "added a price", "budget.create": "made the budget", "budget.update": "changed the budget",
};

/// "local:1000" is somebody at the machine itself.
function who(actor: string): string {
  if (!actor.startsWith("local:")) return keyName(actor);
  const user = actor.slice("local:".length);
  return `the command line (user ${user === "0" ? "root" : user})`;
}

function subjectText(row: AuditRow): string {
  if (row.verb.startsWith("key.")) return keyName(row.subject);
  if (row.verb === "price.add") return row.subject === "" ? "of any model" : `of ${row.subject}`;
  return row.subject;
}

/// What is worth reading of what has changed, as "name: value".
function details(value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Record<string, unknown>)
    .filter(([name, one]) => name !== "object" && one !== null && one !== "" && !(Array.isArray(one) && one.length === 0))
    .map(([name, one]) => [name.replace(/_/g, " "), /_at$/.test(name) && typeof one === "number" ? timeText(one) : typeof one === "string" ? one : JSON.stringify(one)]);
}

interface AuditList { data: AuditRow[]; verified_rows?: number }

function Verify() {
  const state = useSignal<"idle" | "busy" | number | Failure>("idle");
  const check = async () => {
    if (state.value === "busy") return;
    state.value = "busy";
    try {
      state.value = (await read<AuditList>("/admin/v1/audit", { verify: true, limit: 1 })).verified_rows ?? 0;
    } catch (error) {
      state.value = failureOf(error);
    }
  };
  if (typeof state.value === "number") return <span class="verified" role="status"><Icon name="check" size={16} />All {countOf(state.value, "row")} are whole and in order</span>;
  if (typeof state.value === "object") return <Problem failure={state.value} again={() => void check()} />;
  return <button type="button" class="button" aria-disabled={state.value === "busy"} onClick={() => void check()}>{state.value === "busy" ? "Checking…" : "Check that nothing was altered"}</button>;
}

export function AuditPage() {
  const list = useMore<AuditRow>("audit", async (before, signal) => {
    const { data } = await read<AuditList>("/admin/v1/audit", { limit: kPageRows, before }, signal);
    return { rows: data, next: data.length === kPageRows ? data.at(-1)!.number : null };
  });
  const everywhere = reachOf("audit.list") === "everywhere";
  return (
    <PageFrame title="Audit" lead="Who changed what, the newest first. Rows are chained: one that is changed or removed is found out. Times are UTC."
      actions={everywhere && session.value?.operator && <Verify />}>
      <Shown from={list.first}>
        {() => list.rows.length === 0
          ? <Empty icon="scroll-text" title="Nothing has been changed yet" />
          : <>
            <div class="table" tabIndex={0} role="region" aria-label="Audit">
              <table>
                <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">What</th>{everywhere && <th scope="col">Tenant</th>}<th scope="col">How it is now</th></tr></thead>
                <tbody>
                  {list.rows.map((row) => {
                    const facts = details(row.details);
                    return (
                      <tr key={row.number}>
                        <th scope="row">{timeText(row.time)}</th>
                        <td title={row.actor}>{who(row.actor)}</td>
                        <td class="wrap" title={row.subject}>{kVerbs[row.verb] ?? row.verb} <strong>{subjectText(row)}</strong></td>
                        {everywhere && <td>{row.tenant}</td>}
                        <td class="wrap">{facts.length === 0 ? <span class="soft">–</span> : (
                          <details class="row-details"><summary>{countOf(facts.length, "detail")}</summary><dl>{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl></details>
                        )}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
            <MoreButton list={list} />
          </>}
      </Shown>
    </PageFrame>
  );
}
