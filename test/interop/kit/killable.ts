/**
 * One session whose two connections are killed again and again: numbered messages both ways, and what became of each.
 */
import type { Proxy } from "@holdfast/websocket"
import { Effect, Random, Schedule } from "effect"
import { eventually } from "./eventually.ts"
import { connect, type Peer, upstream } from "./peers.ts"
import { proxied } from "./proxied.ts"
import * as Raw from "./raw.ts"
import { credentials } from "./sessions.ts"

/** Messages of one direction, by their numbers. */
export class Way {
  /** Those that the proxy has accepted, in its order: the first has its sequence number 1. */
  readonly accepted: Array<number> = []
  /** Those that arrived, by connection. */
  readonly #arrived: Array<Array<number>> = []
  readonly #sizes: () => number
  #sending: Array<number> = []
  #next = 1

  constructor(acceptedBytes: () => number) {
    this.#sizes = acceptedBytes
  }

  /** From now on this connection sends; what the one before has brought into the proxy is known by now. */
  sendsOn(): void {
    const count = this.#sizes() / width - this.accepted.length
    this.accepted.push(...this.#sending.slice(0, count))
    this.#sending = []
  }

  /** From now on this connection receives. */
  receivesOn({ next }: Peer) {
    const arrived: Array<number> = []
    this.#arrived.push(arrived)
    const one = Effect.map(next, (message) => void arrived.push(Number(`${message}`)))
    return Effect.forkScoped(Effect.forever(one))
  }

  send(from: Peer, count: number): void {
    for (let at = 0; at < count && from.ws.readyState === from.ws.OPEN; at++) {
      this.#sending.push(this.#next)
      from.ws.send(`${this.#next++}`.padStart(width, "0"))
    }
  }

  get arrived(): ReadonlyArray<number> {
    return this.#arrived.flat()
  }

  /** The last message that was sent. */
  get last(): number {
    return this.#next - 1
  }
}

/** All messages are so long, in bytes. */
const width = 8

const ways: ReadonlyArray<(ws: Peer["ws"], code: number) => void> = [
  (ws) => ws.terminate(),
  // As a network does it: both sides see a reset.
  (ws) => (ws as unknown as { readonly _socket?: { resetAndDestroy: () => void } | null })._socket?.resetAndDestroy(),
  (ws, code) => ws.close(code),
]

/** A session that begins, survives so many kills, and what is known of its messages then. */
export const survive = Effect.fnUntraced(function* (kills: number, options: Partial<Proxy.Options>) {
  const up = yield* upstream()
  const receipts: Array<typeof Proxy.Receipt.Type> = []
  const proxy = yield* proxied({
    backoff: Schedule.spaced("2 millis"),
    upstreamRetryBudget: "5 minutes", // it is hardly ever there for long
    onBack: (receipt) => Effect.sync(() => receipts.push(receipt)),
    ...options,
    upstream: up.url,
  })
  const bytes = (direction: string) => () => proxy.metrics()[`holdfast_bytes_total{direction="${direction}"}`]!
  const [upward, downward] = [new Way(bytes("up")), new Way(bytes("down"))]
  const upTo = (most: number) => Random.nextIntBetween(0, most)

  const meetClient = Effect.fnUntraced(function* (headers: Record<string, string>) {
    const client = yield* connect(proxy.url, [], { headers })
    upward.sendsOn()
    yield* downward.receivesOn(client)
    return client
  })
  const meetUpstream = Effect.gen(function* () {
    const peer = yield* up.accepted
    downward.sendsOn()
    yield* upward.receivesOn(peer)
    return peer
  })
  let client = yield* meetClient({})
  let peer = yield* meetUpstream

  const talk = Effect.gen(function* () {
    // Now and then enough for barriers, and time for their answers.
    const most = (yield* upTo(3)) === 0 ? 300 : 20
    upward.send(client, yield* upTo(most))
    downward.send(peer, yield* upTo(most))
    const patience = yield* upTo(most === 20 ? 2 : 8)
    if (patience > 0) yield* Effect.sleep(patience)
  })
  const kill = Effect.fnUntraced(function* ({ ws }: Peer, code: number) {
    ways[yield* upTo(ways.length - 1)]!(ws, code)
  })
  // Somebody who shows the right token and hangs up before the answer.
  const abort = Effect.gen(function* () {
    const raw = yield* Raw.dial(proxy.address)
    const shown = credentials(client)
    raw.write(Raw.upgradeRequest({ headers: shown }))
    raw.reset()
  })

  for (let made = 0; made < kills;) {
    yield* talk
    const whom = yield* upTo(5)
    if (whom <= 3 || client.ws.readyState !== client.ws.OPEN) {
      // One in four comes back while its older connection is still open.
      if (whom > 0) yield* kill(client, 1001)
      made++
    }
    if (whom >= 3) {
      yield* kill(peer, 1012)
      made++
    }
    yield* talk
    if (whom === 2 && (yield* upTo(3)) === 0) yield* abort
    if (whom >= 3) {
      yield* peer.closed
      peer = yield* meetUpstream
    }
    if (whom <= 3) client = yield* meetClient(credentials(client))
  }

  // Who hung up before its answer may have been let in after all, and have taken the place of the client.
  const isOpen = () => client.ws.readyState === client.ws.OPEN
  const done = () => downward.arrived.includes(downward.last) && upward.arrived.includes(upward.last)
  while (!done()) {
    if (!isOpen()) client = yield* meetClient(credentials(client))
    upward.send(client, 1)
    downward.send(peer, 1)
    yield* eventually(() => done() || !isOpen())
  }
  upward.sendsOn()
  downward.sendsOn()
  return { proxy, receipts, upward, downward }
})
