/**
 * Effect RPC over a socket that comes back: a call outlives its connection, and one that cannot ends with a typed error.
 */
import * as ClientSocket from "@holdfast/websocket/ClientSocket"
import { Console, Effect, Fiber, Layer, Schedule } from "effect"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Calls } from "./calls.ts"
import { World } from "./peers.ts"

/** The socket does the waiting, so RPC itself need not. */
export const layer = Layer.unwrap(
  Effect.map(World, ({ url }) =>
    RpcClient.layerProtocolSocket({ retryPolicy: Schedule.forever, pingTimeout: "1 minute" }).pipe(
      Layer.provide([RpcSerialization.layerNdjson, ClientSocket.layer({ url })]),
    ),
  ),
)

export const program = Effect.gen(function* () {
  const client = yield* RpcClient.make(Calls)
  const { cut, killProxy, reporting } = yield* World
  yield* Console.log(`20 and 22 are ${yield* client.Add({ left: 20, right: 22 })}`)

  const first = yield* Effect.forkChild(client.Report({ about: "the harbour" }))
  const finish = yield* reporting("the harbour")
  // What the server has got is confirmed within a second or so. Before that nobody knows, and the call would fail.
  yield* Effect.sleep("1500 millis")
  yield* cut
  yield* Console.log("the connection is cut, while the server works on a call")
  yield* Effect.sleep("200 millis") // the proxy notices it, and keeps the answer
  yield* finish
  yield* Console.log(yield* Fiber.join(first))

  const second = yield* Effect.forkChild(Effect.flip(client.Report({ about: "the fleet" })))
  yield* reporting("the fleet")
  yield* killProxy
  yield* Console.log("the proxy is killed, while the server works on a call")
  yield* Console.log(`it ends with ${(yield* Fiber.join(second))._tag}`)

  const sum = yield* Effect.retry(client.Add({ left: 1, right: 2 }), Schedule.spaced("50 millis"))
  yield* Console.log(`and then 1 and 2 are ${sum}`)
}).pipe(Effect.scoped)
