import assert from "node:assert/strict";

/** The token that the toy takes for a caller. Any word is one. */
export const TOKEN = "alice";

/**
 * Runs one check, which throws if it fails. Its time is only to end one that hangs.
 */
export async function run(report, suite, name, check) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing came for 15 s")), 15_000);
  });
  try {
    await Promise.race([check(), late]);
    report(suite, name, "pass");
  } catch (error) {
    report(suite, name, "fail", String(error?.message ?? error).split("\n")[0]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes all values of a subscription. */
export async function collect(iterable) {
  const values = [];
  for await (const value of iterable) {
    values.push(value);
  }
  return values;
}

/** The `extensions.code` of the first error. */
export const codeOf = (errors) => errors?.[0]?.extensions?.code;

/** What the subscription `count(to: n)` must give. */
export function assertCount(values, n) {
  assert.deepEqual(
    values.map((value) => value.data.count),
    Array.from({ length: n }, (_, index) => index + 1),
  );
}
