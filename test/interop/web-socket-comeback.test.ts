import { spawn } from "node:child_process"
import { once } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { WebSocket } from "@holdfast/websocket/WebSocket"
import { Effect, Random } from "effect"
import { dropIn } from "./kit/dropIn.ts"
import { eventually } from "./kit/eventually.ts"
import { upstream } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { wireTo } from "./kit/wire.ts"

/** A server, and a wire to it that can be cut. */
const server = Effect.gen(function* () {
  const up = yield* upstream()
  return { up, wire: yield* wireTo(up.port) }
})

/** So that nobody waits long. */
const soon = { backoff: { baseDelay: "5 millis", maxDelay: "20 millis" } } as const

describe("a server that knows nothing of sessions", () => {
  it.live("is dialled again; what `open` listeners send comes before what waited", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], soon)
      const { socket } = it
      socket.addEventListener("open", () => socket.send("log in"))
      const first = yield* up.accepted
      assert.strictEqual(yield* first.next, "log in")
      wire.sever()
      yield* it.next("away")
      assert.strictEqual(socket.readyState, WebSocket.CONNECTING)
      socket.send("one")
      socket.send("two")
      assert.strictEqual(socket.bufferedAmount, 6)
      wire.mend()
      const second = yield* up.accepted
      assert.deepStrictEqual([yield* second.next, yield* second.next, yield* second.next], ["log in", "one", "two"])
      assert.deepStrictEqual([socket.readyState, socket.bufferedAmount], [WebSocket.OPEN, 0])
      yield* second.send("welcome back")
      assert.strictEqual(yield* it.message, "welcome back")
      assert.deepStrictEqual(it.told(), ["open", "away 1006", "back", "open", "message welcome back"])
    }),
  )

  it.live("messages are kept also before the first connection", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const { socket } = yield* dropIn(wire.url, [], soon)
      socket.send("early")
      const peer = yield* up.accepted
      assert.strictEqual(yield* peer.next, "early")
    }),
  )

  it.live("says away for a restart, with its code", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], soon)
      const peer = yield* up.accepted
      yield* it.next("open")
      peer.ws.close(1012, "restart")
      const { code, reason } = yield* it.next<CloseEvent>("away")
      assert.deepStrictEqual([code, reason], [1012, "restart"])
      yield* up.accepted
      yield* it.next("open")
    }),
  )

  it.live("is left and dialled again when asked to", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], { backoff: { baseDelay: "1 minute", maxDelay: "1 minute" } })
      const peer = yield* up.accepted
      yield* it.next("open")
      it.socket.reconnect()
      yield* peer.closed
      yield* up.accepted
      yield* it.next("back")
      yield* it.next("open")
      assert.deepStrictEqual(it.told(), ["open", "away 1006", "back", "open"])
    }),
  )
})

describe("behind the proxy", () => {
  it.live("it comes back to its session: nothing is missed, nothing comes twice, and `open` is not told again", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const wire = yield* wireTo(Number(proxy.address.split(":")[1]))
      const it = yield* dropIn(`${wire.url}/room`, [], soon)
      const { socket } = it
      const peer = yield* up.accepted
      yield* it.next("open")
      socket.send("1")
      assert.strictEqual(yield* peer.next, "1")
      for (const round of [2, 3, 4]) {
        wire.sever()
        yield* it.next("away")
        yield* eventually(() =>
          proxy.rows("Session").some((row) => row._tag === "Session" && row.state === "ClientAway"),
        )
        socket.send(`${round}`)
        yield* peer.send(`held ${round}`)
        wire.mend()
        assert.strictEqual(yield* peer.next, `${round}`)
        assert.strictEqual(yield* it.message, `held ${round}`)
      }
      assert.deepStrictEqual(it.told(), [
        "open",
        ...[2, 3, 4].flatMap((round) => ["away 1006", "back", `message held ${round}`]),
      ])
    }),
  )

  it.live("a session that is over is a new one, and `open` is told", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url, linger: "10 millis" })
      const wire = yield* wireTo(Number(proxy.address.split(":")[1]))
      const it = yield* dropIn(wire.url, [], soon)
      const first = yield* up.accepted
      yield* it.next("open")
      wire.sever()
      yield* first.closed
      wire.mend()
      yield* up.accepted
      yield* it.next("open")
      assert.deepStrictEqual(it.told(), ["open", "away 1006", "back", "open"])
    }),
  )
})

const increasing = (all: ReadonlyArray<number>) => all.every((one, at) => at === 0 || one > all[at - 1]!)

describe("a wire that is cut again and again, in the middle of messages", () => {
  it.live("keeps the order, delivers nothing twice, and counts at least what is missing", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const proxy = yield* proxied({ upstream: up.url })
      const wire = yield* wireTo(Number(proxy.address.split(":")[1]))
      const { next, socket } = yield* dropIn(wire.url, [], {
        backoff: { baseDelay: "2 millis", maxDelay: "4 millis" },
      })
      const { ws } = yield* up.accepted
      const [heard, received]: [Array<number>, Array<number>] = [[], []]
      let [sent, said, uncertain, opens, aways] = [0, 0, 0, 0, 0]
      ws.on("message", (data) => heard.push(Number(`${data}`)))
      socket.addEventListener("message", ({ data }) => received.push(Number(data)))
      socket.addEventListener("away", (event) => {
        aways++
        uncertain += event.uncertain
      })
      socket.addEventListener("open", () => opens++)
      yield* next("open")
      for (let round = 0; round < 100; round++) {
        const most = yield* Random.nextIntBetween(1, 200)
        for (let at = 0; at < most; at++) {
          socket.send(`${++sent}`)
          ws.send(`${++said}`)
        }
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 5))
        wire.cut()
        yield* eventually(() => aways > round && socket.readyState === WebSocket.OPEN)
      }
      socket.send(`${++sent}`)
      ws.send(`${++said}`)
      yield* eventually(() => heard.at(-1) === sent && received.at(-1) === said)
      assert.isTrue(increasing(heard) && increasing(received))
      assert.isAtMost(sent - heard.length, uncertain)
      assert.deepStrictEqual([opens, aways], [1, 100])
    }).pipe(Random.withSeed("cuts")),
  )
})

describe("a URL that is a function", () => {
  it.live("is asked before every dial, and may be late, wrong or broken", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const answers = [
        () => `${wire.url}/?ticket=1`,
        () => {
          throw new Error("no ticket now")
        },
        () => Promise.reject(new Error("none yet")),
        () => "no URL at all",
        () => Promise.resolve(`${wire.url}/?ticket=2`),
      ]
      const it = yield* dropIn(() => answers.shift()!(), [], soon)
      assert.strictEqual(it.socket.url, "")
      const first = yield* up.accepted
      yield* it.next("open")
      assert.deepStrictEqual([first.http.url, it.socket.url], ["/?ticket=1", `${wire.url}/?ticket=1`])
      wire.cut()
      const second = yield* up.accepted
      assert.deepStrictEqual([second.http.url, answers.length], ["/?ticket=2", 0])
    }),
  )
})

describe("bounds", () => {
  it.live("more than the buffer makes `send` throw, and nothing that was taken is lost", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], { ...soon, buffer: { messages: 2 } })
      yield* up.accepted
      yield* it.next("open")
      wire.sever()
      yield* it.next("away")
      it.socket.send("one")
      it.socket.send("two")
      assert.throws(() => it.socket.send("three"), DOMException, "too much waits")
      wire.mend()
      const peer = yield* up.accepted
      assert.deepStrictEqual([yield* peer.next, yield* peer.next], ["one", "two"])
      it.socket.send("four")
      assert.strictEqual(yield* peer.next, "four")
    }),
  )

  it.live("it gives up when asked to, once, with 1006", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], { ...soon, giveUpAfter: "100 millis" })
      yield* up.accepted
      yield* it.next("open")
      wire.sever()
      const { code, wasClean } = yield* it.closed
      assert.deepStrictEqual([code, wasClean, it.socket.readyState], [1006, false, WebSocket.CLOSED])
      it.socket.reconnect()
      assert.deepStrictEqual(it.told(), ["open", "away 1006", "error", "close 1006"])
    }),
  )

  it.live("closed while away it dials no more", () =>
    Effect.gen(function* () {
      const { up, wire } = yield* server
      const it = yield* dropIn(wire.url, [], soon)
      yield* up.accepted
      yield* it.next("open")
      wire.sever()
      yield* it.next("away")
      it.socket.close()
      assert.strictEqual((yield* it.closed).code, 1006)
      wire.mend()
      yield* Effect.sleep("100 millis")
      assert.strictEqual(up.server.clients.size, 0)
      assert.deepStrictEqual(it.told(), ["open", "away 1006", "error", "close 1006"])
    }),
  )
})

describe("messages whose fate is unknown", () => {
  /** Three messages were sent to somebody who does not read, and then the wire is cut. */
  const doubtful = Effect.fnUntraced(function* (uncertain: "drop" | "replay" | "fail") {
    const { up, wire } = yield* server
    const it = yield* dropIn(wire.url, [], { ...soon, uncertain })
    const peer = yield* up.accepted
    yield* it.next("open")
    it.socket.send("known")
    yield* peer.next
    yield* Effect.sleep("1200 millis") // by then the server's library has been asked for it
    peer.ws.pause()
    for (const text of ["a", "b", "c"]) it.socket.send(text)
    yield* eventually(() => it.socket.bufferedAmount === (uncertain === "replay" ? 3 : 0))
    wire.cut()
    return { ...it, up }
  })

  it.live("are counted and dropped", () =>
    Effect.gen(function* () {
      const { next, socket, up } = yield* doubtful("drop")
      assert.strictEqual((yield* next<Event & { readonly uncertain: number }>("away")).uncertain, 3)
      const second = yield* up.accepted
      socket.send("d")
      assert.strictEqual(yield* second.next, "d")
    }),
  )

  it.live("are sent again", () =>
    Effect.gen(function* () {
      const { up } = yield* doubtful("replay")
      const second = yield* up.accepted
      assert.deepStrictEqual([yield* second.next, yield* second.next, yield* second.next], ["a", "b", "c"])
    }),
  )

  it.live("are the end", () =>
    Effect.gen(function* () {
      const { closed, told } = yield* doubtful("fail")
      assert.deepStrictEqual(yield* closed, { code: 1011, reason: "3 unconfirmed", wasClean: false })
      assert.deepStrictEqual(told(), ["open", "away 1006", "error", "close 1011"])
    }),
  )
})

describe("the process", () => {
  const run = (url: string, then: string) => {
    const program = `import { WebSocket } from "@holdfast/websocket/WebSocket"
const socket = new WebSocket(${JSON.stringify(url)})
socket.onopen = () => { console.log("open"); ${then} }`
    return Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", program], {
          stdio: ["ignore", "pipe", "inherit"],
        }),
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL")),
    )
  }

  it.live("ends by itself when the socket is closed", () =>
    Effect.gen(function* () {
      const { url } = yield* upstream()
      const child = yield* run(url, "socket.close()")
      const [code] = yield* Effect.promise(() => once(child, "exit"))
      assert.strictEqual(code, 0)
    }),
  )

  it.live("lives as long as the socket is open, and while it is away", () =>
    Effect.gen(function* () {
      const up = yield* upstream()
      const child = yield* run(up.url, "")
      const peer = yield* up.accepted
      yield* Effect.promise(() => once(child.stdout, "data"))
      yield* Effect.sleep("200 millis")
      peer.ws.terminate()
      yield* up.accepted
      assert.strictEqual(child.exitCode, null)
    }),
  )
})
