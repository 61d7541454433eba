/**
 * Stands for a server somewhere: refuses the first two dials, then answers, and hangs up when told.
 */
import { Console, Effect } from "effect"

export interface Socket {
  readonly ask: (symbol: string) => Effect.Effect<number>
  readonly onClose: (callback: (why: string) => void) => void
}

const makeFeed = () => {
  let dials = 0
  let closed = (_: string) => {}
  const socket: Socket = {
    ask: () => Effect.succeed(1.0842),
    onClose: (callback) => {
      closed = callback
    },
  }
  const connect = Effect.gen(function* () {
    dials++
    if (dials > 2) return socket
    yield* Console.log(`dial ${dials}: refused`)
    return yield* Effect.fail("refused" as const)
  })
  return { connect, dials: () => dials, hangUp: (why: string) => closed(why) }
}

export const feed = makeFeed()
