import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { connect, upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
  it.live("are free again after many have come and gone in every way", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 3 })
      for (let round = 0; round < 5; round++) {
        const scope = yield* Scope.make()
        const clients = yield* Effect.all([connect(proxy.url), connect(proxy.url), connect(proxy.url)], {
          concurrency: 3,
        }).pipe(Scope.provide(scope))
        const peers = [yield* up.accepted, yield* up.accepted, yield* up.accepted]
        clients[0].ws.terminate()
        clients[1].ws.close(4000)
        for (const peer of peers) peer.ws.close(4001)
        yield* Effect.all(clients.map((client) => client.closed))
        console.log(round, "clients")
        yield* Effect.all(peers.map((peer) => peer.closed))
        console.log(round, "peers")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.sleep("200 millis")
        console.log(proxy.rows("Session"), proxy.events())
        yield* proxy.until(() => proxy.rows("Session").length === 0)
      }
    }),
  )
