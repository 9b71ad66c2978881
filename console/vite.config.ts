import { defineConfig } from "vite";
import { compress } from "./build/compress.ts";
import { icons } from "./build/icons.ts";
import { licences } from "./build/licences.ts";

// The pages are served under `default-src 'self'`: no inline script or style, no data: addresses, so nothing is inlined.
export default defineConfig({
  plugins: [icons(), licences(), compress()],
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],  // the first that have light-dark() and nesting
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/admin": process.env.BEDPLATE_URL ?? "http://127.0.0.1:8080", "/console": process.env.BEDPLATE_URL ?? "http://127.0.0.1:8080", "/metrics": process.env.BEDPLATE_URL ?? "http://127.0.0.1:8080", "/v1": process.env.BEDPLATE_URL ?? "http://127.0.0.1:8080", "/health": process.env.BEDPLATE_URL ?? "http://127.0.0.1:8080" } },
});
