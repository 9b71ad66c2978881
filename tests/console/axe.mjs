// Accessibility, by axe.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { check } from "./harness.mjs";

const axe_source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/// No violation that axe calls serious or critical.
export async function accessible(page, where) {
  await page.evaluate(axe_source);  // from the test, not a script tag: the page's policy holds
  const found = await page.evaluate(async () => {
    const results = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return results.violations.filter((item) => ["serious", "critical"].includes(item.impact))
      .map((item) => `${item.id}: ${item.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  });
  check(found.length === 0, `${where}: ${found.join("\n")}`);
}
