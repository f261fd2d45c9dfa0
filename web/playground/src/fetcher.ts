import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

const TOKEN_REFUSED = 4403;

/** A fetcher with what must be closed when the token changes. */
export interface Session {
  fetcher: Fetcher;
  close: () => void;
}

/** Queries and mutations go over HTTP, subscriptions over one WebSocket; both to the server of this page. */
export function openSession(token: string): Session {
  const authorization: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const url = new URL("/graphql", location.href);
  const socketUrl = new URL(url);
  socketUrl.protocol = url.protocol === "https:" ? "wss:" : "ws:";

  const wsClient = createClient({
    url: socketUrl.href,
    connectionParams: authorization,
    // A stream that is watched survives a restart of the server; a token that was refused will be again.
    shouldRetry: (event) => !(event instanceof CloseEvent && event.code === TOKEN_REFUSED),
    retryAttempts: 10,
  });
  const fetcher = createGraphiQLFetcher({ url: url.href, headers: authorization, wsClient });
  return { fetcher, close: () => void wsClient.dispose() };
}
