/**
 * A client that subscribes on every new session, and only then: not when its connection broke and it came back to its session.
 */
import { Connectivity } from "@holdfast/core"
import { Client } from "@holdfast/websocket"
import { Console, Effect, Layer } from "effect"
import { Feed } from "./peers.ts"

/** The client of the feed. */
export const layer = Layer.unwrap(
  Effect.map(Feed, ({ url }) => Client.layer({ url, onSession: (send) => send("EURUSD") })),
)

export const program = Effect.gen(function* () {
  const client = yield* Client.Client
  const { killProxy, killServer, publish } = yield* Feed
  const print = Effect.flatMap(client.receive, (messages) =>
    Effect.forEach(messages, (message) => Console.log(`  ${message}`), { discard: true }),
  )

  yield* Console.log("connected")
  yield* print

  yield* client.reconnect("another network")
  yield* Connectivity.waitFor(client, "Ready")
  yield* publish("EURUSD 1.10")
  yield* Console.log("back in the same session")
  yield* print

  yield* killServer
  yield* Console.log("the server was killed")
  yield* print

  yield* killProxy
  yield* Console.log("the proxy was killed")
  yield* print

  yield* publish("EURUSD 1.11")
  yield* print
})
