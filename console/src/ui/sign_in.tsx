import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { failureOf } from "../api/errors.ts";
import { signIn, sign_in_reason } from "../state/session.ts";
import { Icon } from "./icon.tsx";

/// The whole page, where the server asks for keys and this browser has shown none.
export function SignIn() {
  const input = useRef<HTMLInputElement>(null);
  const busy = useSignal(false);
  const wrong = useSignal<string | null>(null);
  useEffect(() => {
    document.title = "Sign in · Bedplate";
    input.current?.focus();
  }, []);
  const send = async () => {
    if (busy.value) return;
    busy.value = true;
    wrong.value = null;
    try {
      await signIn(input.current!.value);
    } catch (error) {
      const failure = failureOf(error);
      wrong.value = failure.kind === "offline" ? "The server does not answer. Try again in a moment."
        : failure.code === "invalid_api_key" ? "This key is not known here. Check that it was copied whole, and that it hasn't been revoked."
        : failure.message;
      input.current?.select();
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => { event.preventDefault(); void send(); }}>
        <img src="/favicon.svg" alt="" width={44} height={44} />
        <h1>Sign in to Bedplate</h1>
        {sign_in_reason.value && <p class="lead">{sign_in_reason.value}</p>}
        <label for="key">Your key</label>
        <input id="key" ref={input} class="field" type="password" autocomplete="current-password" spellcheck={false} required placeholder="bp_live_…"
          aria-invalid={wrong.value !== null} aria-describedby={wrong.value ? "key-wrong key-help" : "key-help"} />
        {wrong.value && <p id="key-wrong" class="help wrong" role="alert"><Icon name="circle-alert" size={15} /><span>{wrong.value}</span></p>}
        <button type="submit" class="button primary" aria-disabled={busy.value}>{busy.value ? "Signing in…" : "Sign in"}</button>
        <p id="key-help" class="help">It is the same key that programs use, from whoever runs this server. This browser stays signed in for twelve hours, or until you sign out or the server is restarted; it doesn't keep the key.</p>
      </form>
    </main>
  );
}
