// The pages about money and access, each where the key may use what it shows; and who is signed in.
import { failureOf } from "../api/errors.ts";
import { may, session, signOut } from "../state/session.ts";
import { toast } from "../state/toasts.ts";
import { Icon, IconButton } from "./icon.tsx";
import { drawer, page, type Page } from "./view.ts";

interface Link { page: Page; icon: string; label: string; verb: string }

const kLinks: Link[] = [
  { page: "overview", icon: "layout-dashboard", label: "Overview", verb: "usage.report" },
  { page: "usage", icon: "chart-column", label: "Usage", verb: "usage.report" },
  { page: "requests", icon: "receipt-text", label: "Requests", verb: "request.list" },
  { page: "prices", icon: "tag", label: "Prices", verb: "price.list" },
  { page: "budgets", icon: "wallet", label: "Budgets", verb: "budget.list" },
  { page: "keys", icon: "key-round", label: "Keys", verb: "key.list" },
  { page: "tenants", icon: "building", label: "Tenants", verb: "project.list" },
  { page: "audit", icon: "scroll-text", label: "Audit", verb: "audit.list" },
];

/// Whether this key may open the page at all.
export function mayOpen(which: Page): boolean {
  const link = kLinks.find((one) => one.page === which);
  return link === undefined || may(link.verb);
}

export function Navigation() {
  const links = kLinks.filter((link) => may(link.verb));
  if (links.length === 0) return null;
  return (
    <nav class="pages" aria-label="Pages">
      <ul>
        {links.map((link) => (
          <li key={link.page}>
            <a href={`#/${link.page}`} aria-current={page.value === link.page ? "page" : undefined} onClick={() => { drawer.value = null; }}>
              <Icon name={link.icon} size={17} />{link.page === "tenants" && !may("tenant.list") ? "Projects" : link.label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

export function SignedInAs() {
  const who = session.value;
  if (!who?.signed_in) return null;
  const leave = () => void signOut().catch((error: unknown) => toast(failureOf(error).message));
  return (
    <div class="signed-in">
      <div>
        <p class="signed-in-name" title={who.key}>{who.name || who.key}</p>
        <p class="soft">{who.role ? `${who.role} of ${who.tenant}` : who.tenant}</p>
      </div>
      <IconButton icon="log-out" label="Sign out" onClick={leave} />
    </div>
  );
}
