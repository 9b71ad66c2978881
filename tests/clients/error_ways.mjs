// The ways to an error, as error_ways.py has them: a table of [way, class], and what a way calls.
import assert from "node:assert/strict";

import { longSchema, model, url } from "./runner.mjs";

const { TEST_KEYS_URL: guarded, TEST_KEYS, TEST_FAULTS_URL: faults } = process.env;
if (!guarded || !faults) throw new Error("tests/clients/run_all.py says where the errors are");
const keys = JSON.parse(TEST_KEYS);
const nobody = { key: "none", access_key_id: "none", secret_access_key: "none" };
const keyNames = { "wrong key": null, "another's model": "elsewhere", "too often": "rare", "too long": "hasty" };
/** Longer than the second that "hasty" has. */
export const tooLong = {
  ...longSchema,
  properties: { words: { ...longSchema.properties.words, minItems: 2000 } },
};

/** Where to go, as whom, and what to ask for. */
export function wayOf(way) {
  if (way === "unknown model") return { url, model: "no-such-model", secrets: nobody, tries: 1 };
  if (way in keyNames) {
    const secrets = keyNames[way] ? keys[keyNames[way]] : nobody;
    return { url: guarded, model, secrets, tries: way === "too often" ? 2 : 1, long: way === "too long" };
  }
  const [status, name = "-"] = String(way).split(" ");
  return { url: `${faults}/${status}/${name}`, model: "no-such-model", secrets: nobody, tries: 1 };
}

/** ask(way) must end with the class that the table names for each; check(error, way) tells more. */
export async function provoke(ways, ask, check = () => {}) {
  for (const [way, kind] of ways) {
    const going = wayOf(way);
    let error;
    for (let i = 0; i < going.tries && !error; i += 1) {
      try {
        await ask(going);
      } catch (caught) {
        error = caught;
      }
    }
    assert.ok(error, `${way}: no error`);
    const names = [error.name, error.constructor.name];
    assert.ok(names.includes(kind), `${way}: ${names}, not ${kind}: ${error}`);
    check(error, way);
  }
}

/** The classes of answers that an SDK has right below the general ones, less those in the table and the exempt. */
export function withoutWay(module, general, ways, exempt = []) {
  const known = [...ways.map(([, kind]) => kind), ...exempt];
  return Object.entries(module)
    .filter(([, kind]) => typeof kind === "function" && general.includes(Object.getPrototypeOf(kind)))
    .map(([name]) => name)
    .filter((name) => !known.includes(name));
}
