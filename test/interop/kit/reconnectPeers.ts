/**
 * Peers written for ws-reconnect-proxy: a client that comes back by its own id, and an upstream that keeps sessions over its restarts.
 * They know nothing of tokens, and take the words of that proxy for granted.
 */
import { Deferred, Effect } from "effect"
import type WebSocket from "ws"
import { connect, type Peer } from "./peers.ts"
import { restartable } from "./restartable.ts"

/** A client with an id of its own. */
export const clientOf = (url: string, id: string) => ({
  dial: connect(url, [], { headers: { "x-connection-id": id } }),
  redial: connect(url, [], { headers: { "x-reconnect-id": id } }),
})

/** Says that it is about to leave; the answer is what still came before the proxy held everything back. */
export const lock = Effect.fnUntraced(function* (client: Peer) {
  yield* client.send("PROXY_RESTART")
  const before: Array<string | Buffer> = []
  for (let message = yield* client.next; message !== "PROXY_LOCKED"; message = yield* client.next) before.push(message)
  return before
})

/** Numbers the words of each of its clients, and goes on counting after its restarts. */
export const countingUpstream = Effect.gen(function* () {
  const up = yield* restartable
  const counts = new Map<string, number>()
  const locked = new Map<WebSocket, Deferred.Deferred<void>>()

  const serve = (ws: WebSocket, id: string) => {
    ws.send(`RECONNECT ${JSON.stringify({ reconnectId: id })}`)
    ws.on("message", (data) => {
      const waiting = locked.get(ws)
      if (`${data}` === "PROXY_LOCKED" && waiting !== undefined) return Deferred.doneUnsafe(waiting, Effect.void)
      const count = (counts.get(id) ?? 0) + 1
      counts.set(id, count)
      ws.send(`${count} ${data}`)
    })
  }

  up.server.on("connection", (ws, { headers }) => {
    if (headers["x-reconnect"] === undefined) return serve(ws, `${headers["x-connection-id"]}`)
    ws.once("message", (data) => {
      const [, id] = /^RECONNECT {"reconnectId":"(.*)"}$/.exec(`${data}`) ?? []
      if (headers["x-reconnect"] !== "true" || id === undefined || !counts.has(id)) ws.close(4000, "who is that?")
      else serve(ws, id)
    })
  })

  return {
    url: up.url,
    comeBack: up.comeBack,
    /** Has everything held back, then leaves with this code. */
    leave: Effect.fnUntraced(function* (code: number) {
      for (const ws of up.server.clients) {
        const answered = yield* Deferred.make<void>()
        locked.set(ws, answered)
        ws.send("PROXY_RESTART")
        yield* Deferred.await(answered)
      }
      up.leave(code, "Service Restart")
    }),
  }
})
