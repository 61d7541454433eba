import { assert, describe, it } from "@effect/vitest"
import type * as Module from "@holdfast/websocket/WebSocket"
import { Effect } from "effect"
import { bundle } from "./kit/bundle.ts"
import { watch } from "./kit/dropIn.ts"
import { eventually } from "./kit/eventually.ts"
import { upstream } from "./kit/peers.ts"
import { wireTo } from "./kit/wire.ts"

/** The class as pages get it, over the WebSocket of this Node. */
const page = Effect.promise(async (): Promise<typeof Module> => {
  const { code } = await bundle()
  return import(`data:text/javascript,${encodeURIComponent(code)}`)
})

const visit = Effect.gen(function* () {
  const { WebSocket } = yield* page
  const up = yield* upstream({ handleProtocols: () => "chat" })
  const wire = yield* wireTo(up.port)
  const socket = yield* Effect.acquireRelease(
    Effect.sync(
      () => new WebSocket(`${wire.url}/room`, ["chat"], { backoff: { baseDelay: "5 millis", maxDelay: "20 millis" } }),
    ),
    (it) => Effect.sync(() => it.close()),
  )
  return { ...watch(socket), up, wire, peer: yield* up.accepted }
})

describe("the drop-in class over the WebSocket of the platform", () => {
  it.live("carries text and bytes both ways", () =>
    Effect.gen(function* () {
      const { message, next, peer, socket } = yield* visit
      yield* next("open")
      assert.deepStrictEqual([peer.http.url, socket.protocol], ["/room", "chat"])
      socket.binaryType = "arraybuffer"
      socket.send("é")
      socket.send(new Uint8Array([1, 2]))
      assert.deepStrictEqual([yield* peer.next, yield* peer.next], ["é", Buffer.from([1, 2])])
      yield* peer.send("ü")
      yield* peer.send(new Uint8Array([3]))
      assert.strictEqual(yield* message, "ü")
      const bytes = yield* message
      assert.deepStrictEqual(bytes instanceof ArrayBuffer ? [...new Uint8Array(bytes)] : bytes, [3])
      yield* eventually(() => socket.bufferedAmount === 0)
    }),
  )

  it.live("comes back, with what `open` listeners send first", () =>
    Effect.gen(function* () {
      const { next, peer, socket, told, up, wire } = yield* visit
      socket.addEventListener("open", () => socket.send("log in"))
      assert.strictEqual(yield* peer.next, "log in")
      wire.sever()
      yield* next("away")
      socket.send("kept")
      wire.mend()
      const second = yield* up.accepted
      assert.deepStrictEqual([yield* second.next, yield* second.next], ["log in", "kept"])
      assert.deepStrictEqual(told(), ["open", "away 1006", "back", "open"])
    }),
  )

  it.live("says goodbye after all that was sent, and hears that of the server", () =>
    Effect.gen(function* () {
      const one = yield* visit
      yield* one.next("open")
      one.socket.send("last")
      one.socket.close(4000, "bye")
      assert.strictEqual(yield* one.peer.next, "last")
      assert.deepStrictEqual(yield* one.peer.closed, { code: 4000, reason: "bye" })
      assert.deepStrictEqual(yield* one.closed, { code: 4000, reason: "bye", wasClean: true })
      const other = yield* visit
      yield* other.next("open")
      other.peer.ws.close(1008, "not you")
      assert.deepStrictEqual(yield* other.closed, { code: 1008, reason: "not you", wasClean: true })
      assert.deepStrictEqual(other.told(), ["open", "close 1008"])
    }),
  )

  it.live("a connection that says nothing is not hung up, because nobody can ask it", () =>
    Effect.gen(function* () {
      const { next, peer, socket } = yield* visit
      yield* next("open")
      let pings = 0
      peer.ws.on("ping", () => pings++)
      yield* Effect.sleep("1500 millis")
      assert.deepStrictEqual([socket.readyState, pings], [1, 0])
    }),
  )
})
