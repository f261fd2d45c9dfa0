import { serverAudits } from "graphql-http";

import { TOKEN } from "./check.mjs";

const SUITE = "graphql-http";

/** Every audit of the GraphQL-over-HTTP specification, MUST, SHOULD and MAY. */
export async function checkAudits(url, report) {
  const audits = serverAudits({
    url,
    fetchFn: (input, init = {}) =>
      fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${TOKEN}` } }),
  });
  for (const audit of audits) {
    const result = await audit.fn();
    const status = { ok: "pass", notice: "warn", warn: "warn", error: "fail" }[result.status];
    report(SUITE, `${audit.id} ${audit.name}`, status, result.reason);
  }
}
