// `virtual:icons` is the few lucide icons the pages use, as [tag, attributes] lists: no HTML string is ever parsed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const kNames = [
  "arrow-down", "arrow-up", "ban", "building", "chart-column", "check", "chevron-down", "chevron-left", "chevron-right", "circle-alert", "copy", "download", "ellipsis", "key-round",
  "keyboard", "layout-dashboard", "log-out", "menu", "monitor", "moon", "panel-left", "pencil", "plus", "receipt-text", "refresh-cw", "rotate-cw", "scale", "scroll-text", "search",
  "sliders-horizontal", "square", "sun", "tag", "trash", "upload", "wallet", "wifi-off", "x",
] as const;

export function icons(): Plugin {
  return {
    name: "icons",
    resolveId: (id) => (id === "virtual:icons" ? "\0virtual:icons" : undefined),
    load(id) {
      if (id !== "\0virtual:icons") return undefined;
      const path = createRequire(import.meta.url).resolve("lucide-static/icon-nodes.json");
      const all = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
      const used = kNames.map((name) => {
        if (!(name in all)) throw new Error(`lucide-static has no icon named ${name}`);
        return [name, all[name]];
      });
      return `export default ${JSON.stringify(Object.fromEntries(used))};`;
    },
  };
}
