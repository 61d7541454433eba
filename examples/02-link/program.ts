/**
 * A link in ten lines: it dials when first used, waits between attempts, and dials again when the connection is lost.
 */
import { Link } from "@holdfast/core"
import { Console, Effect } from "effect"
import { feed } from "./feed.ts"

export const program = Effect.gen(function* () {
  const prices = yield* Link.make({
    target: "prices",
    connect: feed.connect,
    lost: (socket, gone) => socket.onClose(gone),
  })
  const price = prices.use((socket) => socket.ask("EURUSD")).pipe(Link.waitForReady("5 seconds"))

  yield* Console.log(`EURUSD ${yield* price}, after ${feed.dials()} dials`)
  feed.hangUp("server restart")
  yield* Console.log(`the link is ${prices.state()}`)
  yield* Console.log(`EURUSD ${yield* price}, after ${feed.dials()} dials`)
}).pipe(Effect.scoped)
