// Starts stand_in.cc's program, where there is one (CONSOLE_STAND_IN): the real server, with tenants and books.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export async function startStandIn() {
  const program = process.env.CONSOLE_STAND_IN;
  if (!program) return { url: "", mock: null, stop: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), "bedplate-console-"));
  const child = spawn(program, [folder], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("exit", done));
  const line = await Promise.race([
    new Promise((done) => createInterface({ input: child.stdout }).once("line", done)),
    ended.then((status) => { throw new Error(`the stand-in ended with ${status}`); }),
  ]);
  const stop = async () => {
    child.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...JSON.parse(line), mock: null, stand_in: true, stop };
}
