/**
 * Sessions inside an app: the server behind the proxy crashes, the client's connection breaks, and the session goes on. The app is told
 * of each loss, and of what became of the messages.
 */
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Console, Context, Effect, Layer, Queue } from "effect"
import { connect, Server } from "./peers.ts"

/** What the proxy tells the app. */
export class Told extends Context.Service<Told, Queue.Queue<string>>()("example/Told") {
  static readonly layer = Layer.effect(Told, Queue.bounded<string>(16))
}

const describe = ({ back, held, hop, outcome, range, uncertain }: typeof Proxy.Receipt.Type) => {
  const numbers = range === null ? "" : ` (${range[0]} to ${range[1]}, ${outcome})`
  return `${hop} ${back ? "back" : "gone"}: ${held} held and delivered, ${uncertain} uncertain${numbers}`
}

/** The proxy in front of `upstream`; its hooks may use the app's services. */
export const layer = (upstream: string) =>
  Proxy.layer({
    upstream,
    linger: "1 minute",
    onLost: ({ code, hop }) => Effect.flatMap(Told, (told) => Queue.offer(told, `${hop} lost with ${code}`)),
    onBack: (receipt) => Effect.flatMap(Told, (told) => Queue.offer(told, describe(receipt))),
  })

export const program = Effect.gen(function* () {
  const { address } = yield* Acceptor.Acceptor
  const server = yield* Server
  const told = Effect.flatMap(Queue.take(yield* Told), (line) => Console.log(line))

  const client = yield* connect(`ws://${address}/`)
  yield* client.say("crash")
  yield* told
  yield* client.say("are you there?")
  yield* server.restart
  yield* told
  yield* Console.log(`the client got "${yield* client.next}"`)

  yield* client.confirmed
  yield* client.cut
  yield* told
  yield* server.say("news")
  const again = yield* connect(`ws://${address}/`, client.credentials)
  yield* told
  yield* Console.log(
    `the client got "${yield* again.next}", in ${again.id === client.id ? "its old" : "another"} session`,
  )
}).pipe(Effect.scoped)
