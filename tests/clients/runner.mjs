// What the clients' tests in TypeScript's world share: where the server is, what is asked, and running the tests.

export const url = process.env.BEDPLATE_URL;
// Without it, SDKs would ask their makers' servers.
if (!url) throw new Error("BEDPLATE_URL says where the server is; tests/clients/run.sh starts one");
export const model = process.env.BEDPLATE_MODEL ?? "smollm2-135m";
export const question = "What is the capital of France? Answer in one short sentence.";
/** A tool's parameters, for those tests that force a call of it: bounded, so that a small model comes to its end. */
export const weather = {
  type: "object",
  properties: { city: { type: "string", maxLength: 16 } },
  required: ["city"],
  additionalProperties: false,
};
/** Tokens of an answer that is to be cut: OpenAI's APIs get there with `ignore_eos: true`, a field of our own. */
export const longTokens = 2000;
/** The other APIs have no such field; an answer that is held to a list of 500 words is as long. */
export const longSchema = {
  type: "object",
  properties: { words: { type: "array", items: { enum: ["word"] }, minItems: 500 } },
  required: ["words"],
  additionalProperties: false,
};

/** A stream's kinds of events, each run of the same kind as one. */
export const runsOf = (kinds) => kinds.filter((kind, i) => kind !== kinds[i - 1]);

/** Runs the tests (functions by name) whose name contains one of the command line's words, and ends the process. */
export async function run(tests) {
  const wanted = process.argv.slice(2);
  let passed = 0;
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    if (wanted.length && !wanted.some((word) => name.includes(word))) continue;
    const start = performance.now();
    let verdict = "ok     ";
    try {
      await test();
      passed += 1;
    } catch (error) {
      console.error(error);
      failed += 1;
      verdict = "FAILED ";
    }
    console.log(`${verdict} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
