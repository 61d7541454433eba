/**
 * Sessions of a proxy as a test sees them: how one begins, what a client shows to come back, what state one is in.
 */
import type { Proxy } from "@holdfast/websocket"
import { Effect } from "effect"
import { eventually } from "./eventually.ts"
import { connect, type Peer, upstream } from "./peers.ts"
import { proxied } from "./proxied.ts"

/** What the answer gave the client to come back with, as the headers to show; fails the test when there is none. */
export const credentials = ({ http }: Pick<Peer, "http">) => {
  const { "x-connection-id": id, "x-resume-token": token } = http.headers
  if (typeof id !== "string" || typeof token !== "string") throw new Error("the 101 has no id or no token")
  return { "x-reconnect-id": id, "x-resume-token": token }
}

/** Dials with these headers. */
export const dial = (proxy: { readonly url: string }, headers: Readonly<Record<string, string>>, path = "") =>
  connect(`${proxy.url}${path}`, [], { headers: { ...headers } })

/** Comes back for the session of that client. */
export const resume = (proxy: { readonly url: string }, client: Pick<Peer, "http">) => dial(proxy, credentials(client))

/** The status, and the answer, of who is not let in. */
export const refused = (proxy: { readonly url: string }, headers: Readonly<Record<string, string>>, path = "") =>
  Effect.flip(dial(proxy, headers, path))

/** The receipts of a proxy so far. */
export const receiptsOf = (proxy: Pick<Effect.Success<ReturnType<typeof proxied>>, "events">) =>
  // The union of events is open; this tag belongs to this schema.
  proxy.events().flatMap((event) => (event._tag === "Receipt" ? [event as typeof Proxy.Receipt.Type] : []))

/** A proxy before an upstream of its own, and how sessions begin and what they look like. */
export const proxying = Effect.fnUntraced(function* (options: Partial<Proxy.Options> = {}) {
  const up = yield* upstream()
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const rows = () => proxy.rows("Session").flatMap((row) => (row._tag === "Session" ? [row] : []))
  return {
    up,
    proxy,
    rows,
    /** One more session: its client and its upstream. */
    join: Effect.gen(function* () {
      const client = yield* connect(proxy.url)
      return { client, peer: yield* up.accepted }
    }),
    /** Waits until the only session is in this state. */
    is: (state: "Active" | "ClientAway" | "UpstreamAway") => eventually(() => rows()[0]?.state === state),
    /** Waits until nobody is left. */
    empty: eventually(() => rows().length === 0),
    /** From now on dials to the upstream wait for their answer; the answer lets them through. */
    hold: Effect.sync(() => {
      const waiting: Array<() => void> = []
      let held = true
      up.server.options.verifyClient = (_: unknown, answer: (ok: boolean) => void) => {
        if (held) waiting.push(() => answer(true))
        else answer(true)
      }
      return () => {
        held = false
        for (const go of waiting) go()
      }
    }),
    /** The receipts so far. */
    receipts: () => receiptsOf(proxy),
  }
})

/** The same with its first session. */
export const session = Effect.fnUntraced(function* (options: Partial<Proxy.Options> = {}) {
  const all = yield* proxying(options)
  return { ...all, ...(yield* all.join) }
})
