import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useCallback, useEffect, useMemo, useState } from "react";

import { openSession } from "./fetcher";
import { firstTabs } from "./queries";
import { TokenBar } from "./TokenBar";
import { initialToken, keepToken, takeFromAddress } from "./token";

// Made once: GraphiQL takes a new list for new plugins.
const plugins = [HISTORY_PLUGIN, explorerPlugin()];

export function App() {
  const [token, setToken] = useState(initialToken);
  const session = useMemo(() => openSession(token), [token]);
  useEffect(() => session.close, [session]);

  const use = useCallback((next: string) => {
    keepToken(next);
    setToken(next);
  }, []);

  useEffect(() => {
    // A link with a token may be followed while the page is open.
    function followed() {
      const next = takeFromAddress();
      if (next !== undefined) use(next);
    }
    addEventListener("hashchange", followed);
    return () => removeEventListener("hashchange", followed);
  }, [use]);

  return (
    <>
      <TokenBar token={token} onChange={use} />
      <main>
        {/* Anew for each token: the schema that may be seen depends on it. The tabs are kept by GraphiQL. */}
        <GraphiQL
          key={token}
          fetcher={session.fetcher}
          plugins={plugins}
          defaultTabs={firstTabs}
          defaultEditorToolsVisibility="variables"
        />
      </main>
    </>
  );
}
