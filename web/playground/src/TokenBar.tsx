import { type FormEvent, useEffect, useState } from "react";

import { claims, cleanToken } from "./token";

interface Props {
  token: string;
  onChange: (token: string) => void;
}

/** Shows whose token is in use, and takes another. */
export function TokenBar({ token, onChange }: Props) {
  const [draft, setDraft] = useState("");
  const status = useStatus(token);

  function submit(event: FormEvent) {
    event.preventDefault();
    const cleaned = cleanToken(draft);
    if (!cleaned) return;
    onChange(cleaned);
    setDraft("");
  }

  return (
    <form className="token-bar" onSubmit={submit}>
      <strong>ctutor</strong>
      <span className={`token-status token-status-${status.kind}`} role="status">
        {status.text}
      </span>
      <input
        type="password"
        autoComplete="off"
        spellCheck={false}
        aria-label="Bearer token"
        placeholder={token ? "Paste another token" : "Paste a token (ctutor token create)"}
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
      />
      <button type="submit" disabled={!draft.trim()}>
        Use
      </button>
      <button type="button" disabled={!token} onClick={() => onChange("")}>
        Forget
      </button>
    </form>
  );
}

interface Status {
  kind: "none" | "valid" | "expired";
  text: string;
}

function useStatus(token: string): Status {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);

  if (!token) return { kind: "none", text: "No token: requests are anonymous" };
  const known = claims(token);
  const owner = known?.subject ?? "the owner of an opaque token";
  if (!known?.expiresAt) return { kind: "valid", text: `Requests are made as ${owner}` };
  const expiry = known.expiresAt.toLocaleString();
  return known.expiresAt.getTime() <= now
    ? { kind: "expired", text: `The token of ${owner} expired ${expiry}` }
    : { kind: "valid", text: `Requests are made as ${owner} until ${expiry}` };
}
