/**
 * Upstreams that go away and come back on the same port, and clients that come back: what reconnecting is tested with.
 */
import * as Http from "node:http"
import type { Proxy } from "@holdfast/websocket"
import { Effect } from "effect"
import { eventually } from "./eventually.ts"
import { connect, type Peer, upstream } from "./peers.ts"
import { proxied } from "./proxied.ts"

/** An upstream; while it is away every connection to it is reset. */
export const restartable = Effect.gen(function* () {
  const http = Http.createServer()
  let [away, dials] = [false, 0]
  http.on("connection", (socket) => {
    dials++
    if (away) socket.resetAndDestroy()
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      }),
  )
  const up = yield* upstream({ server: http, port: undefined })
  return {
    ...up,
    /** How often somebody connected, in vain or not. */
    dials: () => dials,
    /** Cuts its connections, or says goodbye on them. */
    leave: (code?: number, reason?: string) => {
      away = true
      for (const ws of up.server.clients) {
        if (code === undefined) ws.terminate()
        else ws.close(code, reason)
      }
    },
    comeBack: () => {
      away = false
    },
  }
})

type Running = Effect.Success<ReturnType<typeof proxied>>

/** Its sessions as `/api/sessions` lists them. */
export const sessionsOf = (proxy: Running) =>
  proxy.rows("Session").flatMap((row) => (row._tag === "Session" ? [row] : []))

/** A proxy before a restartable upstream, with one session; `join` makes more. */
export const session = Effect.fnUntraced(function* (
  options: Partial<Proxy.Options> = {},
  headers: Readonly<Record<string, string>> = {},
) {
  const up = yield* restartable
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const join = Effect.fnUntraced(function* (headers: Readonly<Record<string, string>> = {}) {
    const client = yield* connect(proxy.url, [], { headers })
    return { client, peer: yield* up.accepted }
  })
  return {
    ...(yield* join(headers)),
    join,
    proxy,
    up,
    /** Waits until the oldest session is in this state. */
    turned: (state: "Active" | "ClientAway" | "UpstreamAway") =>
      eventually(() => sessionsOf(proxy)[0]?.state === state),
    /** Comes back by the id alone. */
    resumed: (id: string) => connect(proxy.url, [], { headers: { "x-reconnect-id": id } }),
    /** The status that a client with these headers gets. */
    status: (headers: Readonly<Record<string, string>>) => statusOf(proxy.url, headers),
    /** As long as the proxy waits for a client: one more vanishes, and is given up. */
    lingered: Effect.gen(function* () {
      const { client, peer } = yield* join()
      client.ws.terminate()
      yield* peer.closed
    }),
  }
})

/** What a client shows to get its session back. */
export const credentials = ({ http }: { readonly http: Pick<Peer["http"], "headers"> }) => ({
  "x-reconnect-id": `${http.headers["x-connection-id"]}`,
  "x-resume-token": `${http.headers["x-resume-token"]}`,
})

/** Comes back for the session of that client. */
export const resume = (url: string, client: Peer) => connect(url, [], { headers: credentials(client) })

/** Both still hear each other, and nothing else came before. */
export const talk = Effect.fnUntraced(function* (client: Peer, peer: Peer) {
  yield* client.send("anybody there?")
  yield* peer.send("yes")
  return [yield* peer.next, yield* client.next]
})

/** What `talk` answers. */
export const heard = ["anybody there?", "yes"]

/** The status that a client with these headers gets. */
export const statusOf = (url: string, headers: Readonly<Record<string, string>>) =>
  Effect.match(connect(url, [], { headers }), { onSuccess: () => 101, onFailure: ({ status }) => status })
