import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { safeAddress } from "./markdown.tsx";

interface Licence {
  name: string;
  version: string;
  licence: string;
  homepage: string;
  text: string;
}

/// Whose work is in these pages. The list is made when they are built (build/licences.ts).
export function Licences() {
  const list = useSignal<Licence[] | null>(null);
  const failed = useSignal(false);
  useEffect(() => {
    fetch("/licences.json").then((response) => response.json()).then((value: Licence[]) => { list.value = value; }, () => { failed.value = true; });
  }, []);
  return (
    <div class="licences" tabIndex={0} role="region" aria-label="Licences">
      <div class="column">
        <h1>Licences</h1>
        <p class="lead">Bedplate is under the Apache License 2.0. These pages also hold the work of others:</p>
        {failed.value && <p>The list could not be loaded. It is at <a href="/licences.json">/licences.json</a>.</p>}
        {list.value?.map((item) => {
          const address = safeAddress(item.homepage);
          return (
            <details class="licence" key={item.name}>
              <summary><strong>{item.name}</strong> {item.version}<span class="tag">{item.licence}</span></summary>
              {address && <p><a href={address} target="_blank" rel="noopener noreferrer">{address}</a></p>}
              <pre tabIndex={0} role="region" aria-label={`Licence of ${item.name}`}>{item.text}</pre>
            </details>
          );
        })}
      </div>
    </div>
  );
}
