// Writes FILE.gz beside each file that shrinks, so that the server can send it without compressing anything itself.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

export function compress(): Plugin {
  let folder = "";
  return {
    name: "compress",
    apply: "build",
    configResolved: (config) => { folder = join(config.root, config.build.outDir); },
    writeBundle() {
      for (const name of readdirSync(folder, { recursive: true }) as string[]) {
        const path = join(folder, name);
        if (!statSync(path).isFile() || /\.(gz|woff2|png)$/.test(name)) continue;
        const bytes = readFileSync(path);
        const packed = gzipSync(bytes, { level: 9 });
        if (packed.length < bytes.length * 0.95) writeFileSync(`${path}.gz`, packed);
      }
    },
  };
}
