import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Frame, Transport } from "../src/Transport.ts"
import * as EventLoop from "./world/eventLoop.ts"
import { Peer, textOf } from "./world/peer.ts"
import { simulated } from "./world/simulated.ts"
import { transportOf } from "./world/transportOf.ts"
import { type Settings, Wire } from "./world/wire.ts"

const KiB = 1024
const frame = (size: number): Frame => ({ text: false, size, bytes: () => new Uint8Array(size) })
const word = (text: string): Frame => ({ text: true, size: text.length, bytes: () => Buffer.from(text) })

/** A client of the proxy after its handshake, and a diary of what the proxy's transport tells and when. */
const connected = Effect.fnUntraced(function* (settings: Settings = {}, highWatermark?: number) {
  const loop = yield* EventLoop.make
  const wire = new Wire(loop, "server", 100 * KiB, settings)
  wire.proxy.open("")
  wire.peer.open("")
  wire.proxy.pause()
  const peer = new Peer(wire, { headers: {}, protocol: "" })
  const transport = transportOf(wire.proxy, { headers: {}, protocol: "" }, loop)
  const heard: Array<string> = []
  const note = (what: string) => heard.push(`${what} @${loop.now()}`)
  transport.listen(
    {
      frame: (it) => note(it.size < 100 ? Buffer.from(it.bytes()).toString() : `${it.size} bytes`),
      writable: () => note("writable"),
      confirmed: (mark) => note(`confirmed ${mark}`),
      unfinished: (bytes) => note(`unfinished ${bytes}`),
      closed: ({ code, reason }) => note(`closed ${code} ${reason}`.trim()),
    },
    highWatermark,
  )
  peer.onClose = ({ code, reason }) => note(`peer closed ${code} ${reason}`.trim())
  return { loop, wire, peer, transport, heard, note }
})

const fill = (transport: Transport, size: number): number => {
  let taken = 0
  while (transport.send(frame(size))) taken++
  return taken
}

describe("a virtual connection", () => {
  it(
    "carries messages both ways, in order, each way with its own latency",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, loop, peer, transport } = yield* connected({ up: { latency: 3 }, down: { latency: 8 } })
        peer.send("a")
        peer.send("b")
        transport.send(word("c"))
        transport.send(word("d"))
        yield* peer.has(2)
        assert.deepStrictEqual([heard, peer.received.map(textOf), loop.now()], [["a @3", "b @3"], ["c", "d"], 8])
      }),
    ),
  )

  it(
    "is as slow as its bandwidth, and tells how much of a message is there",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer } = yield* connected({ up: { latency: 1, bandwidth: 100 } })
        peer.send(new Uint8Array(90 * KiB))
        yield* Effect.sleep("5 seconds")
        // The window of 64 KiB, 656 ms; its acknowledgement, 1 ms; the rest.
        assert.deepStrictEqual(heard, ["unfinished 65536 @657", "92160 bytes @926", "unfinished 0 @926"])
      }),
    ),
  )

  it(
    "fills up when the peer does not read: what is buffered stays near the watermark, and drains afterwards",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport, wire } = yield* connected({ peer: { readAhead: 0 } }, 16 * KiB)
        peer.pause()
        let taken = 0
        for (let i = 0; i < 100; i++) {
          taken += fill(transport, 1000)
          yield* Effect.sleep(10)
        }
        // Four batches of 17: three and most of the fourth are in the window, but a batch counts until all of it is.
        assert.strictEqual(taken, 68)
        assert.isTrue(wire.proxy.bufferedAmount >= 16 * KiB && wire.proxy.bufferedAmount < 17 * KiB + 8)
        assert.strictEqual(peer.received.length, 0)
        heard.length = 0
        peer.resume()
        yield* Effect.sleep(10)
        assert.strictEqual(wire.proxy.bufferedAmount, 0)
        assert.strictEqual(heard[0]?.startsWith("writable"), true)
      }),
    ),
  )

  it(
    "confirms a barrier when the peer has read what was before it, and not while it does not read",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected()
        peer.pause()
        transport.send(word("a"))
        transport.barrier(1)
        yield* Effect.sleep(100)
        assert.deepStrictEqual(heard, [])
        peer.resume()
        yield* Effect.sleep(100)
        assert.deepStrictEqual([heard, peer.received.length, peer.pings], [["confirmed 1 @101"], 1, 1])
      }),
    ),
  )

  it(
    "says goodbye behind everything that was sent",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected({ up: { latency: 5 }, down: { latency: 10 } })
        transport.send(frame(90 * KiB))
        peer.send("late")
        yield* transport.close(4001, "bye")
        yield* Effect.sleep(100)
        // 64 KiB, their acknowledgement after 15 ms, the rest and the goodbye, the answer 10 ms later.
        const told = ["late @5", "closed 4001 bye @30", "peer closed 4001 bye @40"]
        assert.deepStrictEqual([heard, peer.received.length], [told, 1])
      }),
    ),
  )

  it(
    "is given up by a proxy whose goodbye is not answered",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected()
        peer.pause()
        yield* Effect.sleep(1)
        yield* transport.close(1005, "")
        yield* Effect.sleep(10)
        // It had read the goodbye ahead, and finds it when the reset comes.
        assert.deepStrictEqual(heard, ["closed 1006 @10001", "peer closed 1005 @10002"])
      }),
    ),
  )
})

describe("what was under way", () => {
  it(
    "is lost with a terminated connection",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected({ up: { latency: 5 }, down: { latency: 10 } })
        transport.send(word("read"))
        yield* Effect.sleep(5)
        transport.send(word("lost"))
        peer.send("lost")
        yield* Effect.sleep(1)
        transport.cut()
        assert.deepStrictEqual(heard, [])
        yield* Effect.sleep(100)
        assert.deepStrictEqual([heard, peer.received.map(textOf)], [["closed 1006 @6", "peer closed 1006 @16"], []])
      }),
    ),
  )

  it(
    "arrives from a process that ends without a reset, which is not noticed while it is not read",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected({ peer: { resets: false } })
        transport.pause()
        peer.send("a")
        peer.terminate()
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(heard, ["peer closed 1006 @0"])
        transport.resume()
        yield* Effect.sleep(10)
        assert.deepStrictEqual(heard, ["peer closed 1006 @0", "a @60000", "closed 1006 @60000"])
      }),
    ),
  )

  it(
    "to a process that has ended is answered with a reset",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport } = yield* connected({ peer: { resets: false } })
        transport.pause()
        peer.terminate()
        yield* Effect.sleep(10)
        transport.send(word("lost"))
        yield* Effect.sleep(10)
        assert.deepStrictEqual(heard, ["peer closed 1006 @0", "closed 1006 @12"])
      }),
    ),
  )

  it(
    "is lost when the network is cut, and each end finds out in its own time",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport, wire } = yield* connected({ up: { latency: 5 }, down: { latency: 10 } })
        peer.send("read")
        yield* Effect.sleep(5)
        peer.send("lost")
        transport.send(word("lost"))
        yield* Effect.sleep(1)
        wire.cut({ proxy: 50, peer: 20 })
        peer.send("lost")
        assert.isTrue(transport.send(word("lost")))
        yield* Effect.sleep(100)
        assert.deepStrictEqual([heard, peer.received], [["read @5", "peer closed 1006 @26", "closed 1006 @56"], []])
      }),
    ),
  )

  it(
    "vanishes in silence when it freezes, and then the buffer fills",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport, wire } = yield* connected({}, 16 * KiB)
        wire.freeze("down")
        for (let i = 0; i < 200; i++) {
          transport.send(frame(1000))
          yield* Effect.sleep(1)
        }
        peer.send("still heard")
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(
          [heard, peer.received, transport.unsentBytes() > 16 * KiB],
          [["still heard @201"], [], true],
        )
      }),
    ),
  )

  it(
    "waits while it is stalled",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, wire } = yield* connected()
        wire.stall("up")
        peer.send("a")
        yield* Effect.sleep(50)
        wire.thaw()
        peer.send("b")
        yield* Effect.sleep(50)
        assert.deepStrictEqual(heard, ["a @50", "b @51"])
      }),
    ),
  )

  it(
    "was partly read ahead by a paused socket, which gives it away when the connection dies",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer, transport, wire } = yield* connected({ proxy: { readAhead: 10 } })
        transport.pause()
        for (const text of ["a", "bc", "def"]) peer.send(text)
        yield* Effect.sleep(10)
        // Headers of 2 bytes, masks of 4: the first message whole, the second in part.
        assert.deepStrictEqual([heard, transport.heardBytes()], [[], 10])
        wire.cut({ peer: 1 })
        yield* Effect.sleep(10)
        assert.deepStrictEqual(heard, ["a @10", "closed 1006 @10", "peer closed 1006 @11"])
      }),
    ),
  )

  it(
    "still comes as far as it was in the same read when a listener pauses",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, loop, peer, transport, wire } = yield* connected()
        wire.proxy.observer = { received: () => transport.pause() }
        for (const text of ["a", "b"]) peer.send(text)
        yield* Effect.sleep(2)
        peer.send("c")
        yield* Effect.sleep(10)
        assert.deepStrictEqual([heard, loop.now()], [["a @1", "b @1"], 12])
        transport.resume()
        yield* Effect.sleep(10)
        assert.deepStrictEqual(heard.at(-1), "c @12")
      }),
    ),
  )
})

describe("a peer that breaks the protocol", () => {
  it(
    "is told why",
    simulated(
      Effect.fnUntraced(function* () {
        const { heard, peer } = yield* connected()
        peer.garbage()
        peer.send("not read any more")
        yield* Effect.sleep(100)
        assert.deepStrictEqual(heard, [
          "peer closed 1002 @2",
          "closed 1002 Invalid WebSocket frame: invalid opcode 3 @3",
        ])
      }),
    ),
  )

  it(
    "may not send messages that are too large",
    simulated(
      Effect.fnUntraced(function* () {
        const { peer } = yield* connected()
        peer.send(new Uint8Array(100 * KiB + 1))
        assert.strictEqual((yield* peer.closed).code, 1009)
      }),
    ),
  )
})
