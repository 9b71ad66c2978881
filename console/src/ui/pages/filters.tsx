import { keyName } from "../../state/names.ts";
import { Icon } from "../icon.tsx";
import { address_args, setArgs } from "../view.ts";
import { filtersOf, kFilters } from "./ranges.tsx";

const kLabels = { tenant: "Tenant", project: "Project", key: "Key", model: "Model" } as const;

/// What the page is narrowed to, each to be taken away again.
export function FilterChips() {
  const filters = filtersOf(address_args.value);
  const set = kFilters.filter((name) => filters[name] !== undefined);
  if (set.length === 0) return null;
  return (
    <ul class="chips" aria-label="Only">
      {set.map((name) => {
        const shown = name === "key" ? keyName(filters[name]!) : filters[name]!;
        return (
          <li key={name}>
            <button type="button" class="chip" aria-label={`Show all again, not only ${kLabels[name].toLowerCase()} ${shown}`} onClick={() => setArgs({ [name]: undefined })}>
              {kLabels[name]}: <strong>{shown}</strong><Icon name="x" size={13} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
