// What the pages about money and access share: their frame, loading, what went wrong, and empty states.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { failureOf, type Failure } from "../../api/errors.ts";
import { dollarsText, digitsFor, money, type Picodollars } from "../../format/money.ts";
import { Icon } from "../icon.tsx";

export interface Loaded<T> {
  value: T | undefined;       // the last that came, while another is on its way too
  failure: Failure | null;
  loading: boolean;
  again: () => void;
}

/// Loads anew whenever `key` changes; null: not now. An answer that is overtaken by another question is dropped.
export function useLoaded<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; value: T | undefined; failure: Failure | null }>({ key: null, value: undefined, failure: null });
  const [round, setRound] = useState(0);
  const [loading, setLoading] = useState(key !== null);
  const newest = useRef(load);
  newest.current = load;
  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    setLoading(true);
    newest.current(abort.signal).then(
      (value) => { if (!abort.signal.aborted) setState({ key, value, failure: null }); },
      (error) => { if (!abort.signal.aborted) setState((old) => ({ key, value: old.key === key ? old.value : undefined, failure: failureOf(error) })); },
    ).finally(() => { if (!abort.signal.aborted) setLoading(false); });
    return () => abort.abort();
  }, [key, round]);
  return { value: state.value, failure: state.failure, loading, again: () => setRound((n) => n + 1) };
}

export function PageFrame({ title, lead, actions, children }: { title: string; lead?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="page" tabIndex={0} role="region" aria-label={title}>
      <div class="page-inner">
        <div class="page-head">
          <div>
            <h1>{title}</h1>
            {lead && <p class="lead">{lead}</p>}
          </div>
          {actions && <div class="page-actions">{actions}</div>}
        </div>
        {children}
      </div>
    </div>
  );
}

/// The server's own words, and a way to ask again.
export function Problem({ failure, again }: { failure: Failure; again?: () => void }) {
  const offline = failure.kind === "offline";
  return (
    <div class="failure" role="alert">
      <Icon name="circle-alert" />
      <div>
        <p class="failure-head">{offline ? "The server can't be reached" : failure.status === 403 ? "This key may not do that" : "The server refused"}</p>
        <p class="failure-text">{offline ? "Nothing here is lost; try again once it is back." : failure.message}</p>
        {failure.request_id && <p class="failure-details">Request {failure.request_id}</p>}
        {again && <div class="failure-actions"><button type="button" class="button" onClick={again}>Try again</button></div>}
      </div>
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: string; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={26} />
      <p class="empty-title">{title}</p>
      {children && <div class="empty-text">{children}</div>}
    </div>
  );
}

/// Shows what has been loaded, or why not. Nothing jumps while it loads anew.
export function Shown<T>({ from, children }: { from: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (from.failure) return <Problem failure={from.failure} again={from.again} />;
  if (from.value === undefined) return <p class="quiet loading" role="status">Loading…</p>;
  return <div aria-busy={from.loading}>{children(from.value)}</div>;
}

/// An amount, rounded for reading; its tooltip has every digit.
export function Money({ amount, digits }: { amount: Picodollars; digits?: number }) {
  return <span class="money" title={`$${dollarsText(amount)}`}>{money(amount, digits ?? digitsFor([amount]))}</span>;
}

export function Field({ label, help, wrong, id, children }: { label: string; id: string; help?: ComponentChildren; wrong?: string | null; children: ComponentChildren }) {
  return (
    <div class="form-field">
      <label for={id}>{label}</label>
      {children}
      {(wrong || help) && <p id={`${id}-help`} class={wrong ? "help wrong" : "help"}>{wrong || help}</p>}
    </div>
  );
}

export interface Choice { value: string; label: string }

export function Select({ label, value, choices, onChange }: { label: string; value: string; choices: Choice[]; onChange: (value: string) => void }) {
  return (
    <label class="picker">
      <span>{label}</span>
      <span class="select-box">
        <select class="field" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {choices.map((choice) => <option key={choice.value} value={choice.value} selected={choice.value === value}>{choice.label}</option>)}
        </select>
        <Icon name="chevron-down" size={14} />
      </span>
    </label>
  );
}

export function FormSelect({ id, value, onChange, children }: { id: string; value: string | number; onChange: (event: { currentTarget: HTMLSelectElement }) => void; children: ComponentChildren }) {
  return (
    <span class="select-box">
      <select id={id} class="field" value={value} onChange={onChange}>{children}</select>
      <Icon name="chevron-down" size={14} />
    </span>
  );
}
