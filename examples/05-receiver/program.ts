/**
 * One feed for many listeners, who come and go: it has one connection, to the proxy, and never notices.
 */
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Console, Context, Effect, Layer, Queue } from "effect"
import { connect, Feed } from "./peers.ts"

/** Listeners whose connections broke. */
export class Losses extends Context.Service<Losses, Queue.Queue<Proxy.Loss>>()("example/Losses") {
  static readonly layer = Layer.effect(Losses, Queue.bounded<Proxy.Loss>(16))
}

/** The proxy that listens to `upstream` from the start. */
export const layer = (upstream: string) =>
  Proxy.layer({
    upstream,
    mode: "receiver",
    onLost: (loss) => Effect.flatMap(Losses, (losses) => Queue.offer(losses, loss)),
  })

export const program = Effect.gen(function* () {
  const { address } = yield* Acceptor.Acceptor
  const feed = yield* Feed
  const lost = Queue.take(yield* Losses)
  const listen = connect(`ws://${address}/`)
  const show = (name: string, message: Effect.Effect<string>) =>
    Effect.flatMap(message, (text) => Console.log(`${name}: ${text}`))

  yield* feed.say("one")
  yield* feed.say("two")
  yield* Console.log("nobody was there; now ann is")
  const ann = yield* listen
  yield* show("ann", ann.next)
  yield* show("ann", ann.next)

  yield* Console.log("bob comes")
  const bob = yield* listen
  yield* feed.say("three")
  yield* show("ann", ann.next)
  yield* show("bob", bob.next)
  yield* bob.say("thank you")
  yield* show("the feed", feed.heard)

  yield* ann.cut
  yield* bob.cut
  yield* Effect.andThen(lost, lost)
  yield* feed.say("four")
  yield* Console.log("both were gone; now cid is there")
  const cid = yield* listen
  yield* show("cid", cid.next)
}).pipe(Effect.scoped)
