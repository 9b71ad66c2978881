// Writes licences.json: each npm package whose code, font or picture is in the bundle, with the text of its licence.
// The list comes from the module graph, so a package that is added or dropped changes the page by itself; a package
// without a licence text stops the build.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

interface Licence {
  name: string;
  version: string;
  licence: string;
  homepage: string;
  text: string;
}

/// The folder of the package that holds `file`: the nearest parent whose package.json has a name and a version.
function packageFolder(file: string): string | undefined {
  if (!file.includes("/node_modules/")) return undefined;
  for (let folder = dirname(file); folder.includes("/node_modules/"); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, "utf8"));
    if (name && version) return folder;
  }
  return undefined;
}

function readLicence(folder: string): Licence {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(name));
  if (!file || !manifest.license) throw new Error(`${manifest.name} has no licence text; it can't be bundled`);
  const repository = typeof manifest.repository === "string" ? manifest.repository : (manifest.repository?.url ?? "");
  return {
    name: manifest.name,
    version: manifest.version,
    licence: manifest.license,
    homepage: manifest.homepage ?? repository.replace(/^git\+/, ""),
    text: readFileSync(join(folder, file), "utf8").trim(),
  };
}

export function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const folders = new Set<string>();
      for (const id of this.getModuleIds()) {
        // The icons reach the bundle through build/icons.ts, and the bundler's own helpers through ids that start with \0.
        const file = id === "\0virtual:icons" ? join(process.cwd(), "node_modules/lucide-static/icon-nodes.json")
          : id.startsWith("\0rolldown") ? join(process.cwd(), "node_modules/rolldown/package.json")
          : id.startsWith("\0vite") ? join(process.cwd(), "node_modules/vite/package.json")
          : id.split("?")[0]!;
        const folder = packageFolder(file);
        if (folder) folders.add(folder);
      }
      const list = [...folders].map(readLicence).sort((a, b) => a.name.localeCompare(b.name, "en"));
      this.emitFile({ type: "asset", fileName: "licences.json", source: JSON.stringify(list) });
    },
  };
}
