/** The bearer token of this tab: where it comes from, where it is kept, what it says. */

const KEY = "ctutor.token";

/** What a token says about itself; shown to its owner, checked by the server alone. */
export interface Claims {
  subject: string | undefined;
  expiresAt: Date | undefined;
}

/** The token from the address, which is wiped of it at once, or else the one kept for this tab. */
export function initialToken(): string {
  const given = takeFromAddress();
  if (given !== undefined) keepToken(given);
  return given ?? sessionStorage.getItem(KEY) ?? "";
}

/** Takes `#token=…` out of the address bar and the tab's history. */
export function takeFromAddress(): string | undefined {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return undefined;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  return cleanToken(token);
}

/** Keeps the token until the tab is closed. */
export function keepToken(token: string): void {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

/** People paste whole headers and line breaks. */
export function cleanToken(pasted: string): string {
  return pasted
    .replace(/\s+/g, " ")
    .trim()
    .replace(/^(authorization:\s*)?bearer\s+/i, "")
    .replaceAll(" ", "");
}

/** Reads a JSON web token's claims; undefined when it is none. */
export function claims(token: string): Claims | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown };
    return {
      subject: typeof sub === "string" ? sub : undefined,
      expiresAt: typeof exp === "number" ? new Date(exp * 1000) : undefined,
    };
  } catch {
    return undefined;
  }
}
