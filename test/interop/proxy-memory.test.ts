import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import type WebSocket from "ws"
import { holdfast } from "./kit/holdfast.ts"
import { connect, upstream } from "./kit/peers.ts"
import { KiB, logUniform, MiB } from "./kit/sizes.ts"

describe("the proxy's memory", () => {
  it.live(
    "stays small while a client stalls a fast upstream, and then everything arrives",
    () =>
      Effect.gen(function* () {
        const total = 300 * MiB
        const up = yield* upstream()
        const program = yield* holdfast("proxy", "--upstream", up.url, "--listen", "127.0.0.1:0", "--admin", "off")
        const before = program.rss()
        const client = yield* connect(program.url("proxy"), [], { maxPayload: 2 * MiB })
        const flood = yield* up.accepted
        client.ws.pause()

        const received = { bytes: 0, messages: 0 }
        client.ws.on("message", (data: Buffer) => {
          received.bytes += data.length
          received.messages++
        })
        const sent = send(flood.ws, yield* sizes(KiB, MiB, total))
        yield* standstill(() => sent.bytes)
        const whileStalled = program.rss() - before
        assert.isBelow(sent.bytes, total / 2, "the upstream must have been blocked")

        let peak = whileStalled
        client.ws.on("message", () => {
          if (received.messages % 32 === 0) peak = Math.max(peak, program.rss() - before)
        })
        client.ws.resume()
        const end = yield* client.closed

        console.log(`stalled: RSS +${whileStalled.toFixed(1)} MiB; flowing: at most +${peak.toFixed(1)} MiB`)
        assert.deepStrictEqual(received, sent)
        assert.deepStrictEqual(end, { code: 1000, reason: "all sent" })
        assert.isBelow(whileStalled, 32)
        assert.isBelow(peak, 160)
      }),
    30_000,
  )
})

/** Sizes that add up to at least the total. */
const sizes = Effect.fnUntraced(function* (smallest: number, largest: number, total: number) {
  const all: Array<number> = []
  for (let sum = 0; sum < total; sum += all.at(-1)!) all.push(yield* logUniform(smallest, largest))
  return all
}, Random.withSeed("sizes"))

/** Sends as fast as the socket takes it, then says goodbye; the answer counts along. */
const send = (ws: WebSocket, all: ReadonlyArray<number>) => {
  const block = Buffer.alloc(MiB, 7)
  const sent = { bytes: 0, messages: 0 }
  const more = () => {
    while (sent.messages < all.length && ws.bufferedAmount < MiB) {
      const size = all[sent.messages++]!
      sent.bytes += size
      ws.send(block.subarray(0, size), more)
      if (sent.messages === all.length) ws.close(1000, "all sent")
    }
  }
  more()
  return sent
}

/** Waits until nothing has moved for half a second. */
const standstill = Effect.fnUntraced(function* (position: () => number) {
  for (let before = -1; before !== position(); yield* Effect.sleep("500 millis")) before = position()
})
