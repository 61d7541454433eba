/**
 * How many plans a second are explored. `node --conditions=source bench/testing/plans.ts` prints a table: one process, and each row the
 * median of five explorations of the same plans. A plan is drawn, played with its faults and its heal, recorded and judged.
 */
import { Check, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { Arbitrary, Deferred, Effect, Schedule, type Schema } from "effect"
import { median } from "../kit/rounds.ts"

const messages = 20

// The scenario of `session.property.test.ts`, which no package exports.
const world = (file: string) => import(new URL(`../../packages/websocket/test/world/${file}`, import.meta.url).href)
const { Plan }: { readonly Plan: Schema.Codec<object> } = await world("sessionPlan.ts")
const { run: session }: { readonly run: (plan: object) => ReadonlyArray<string> } = await world("sessionWorld.ts")

/** The reference: a server that answers, and a client that dials again until all its messages are answered. */
const webSockets = Effect.gen(function* () {
  const network = yield* VirtualNetwork.VirtualNetwork
  yield* network.host("server").onWebSocket(80, (socket) => {
    socket.on("message", (data: Buffer) => socket.send(data.toString()))
    socket.on("error", () => {})
  })
  const { webSocket } = network.host("client")
  const write = yield* History.writer
  const done = yield* Deferred.make<void>()
  let next = 0
  const dial = () => {
    const socket = webSocket("ws://server/", [], { handshakeTimeout: 1000 })
    const { after } = socket.machine.loop
    let stop = () => {}
    const say = () => {
      if (socket.readyState !== 1) return
      socket.send(String(next))
      // An answer takes at most a second: half-open connections are given up.
      stop = after(1000, () => socket.terminate())
    }
    socket.on("open", say)
    socket.on("error", () => {})
    socket.on("message", (data: Buffer) => {
      stop()
      write.seen("echo", data.toString())
      next = Number(data.toString()) + 1
      if (next < messages) after(50, say)
      else Deferred.doneUnsafe(done, Effect.void)
    })
    socket.on("close", () => {
      stop()
      if (next < messages) after(200, dial)
    })
  }
  dial()
  yield* Deferred.await(done)
  yield* Sim.healed
})

/** The same as fibers over Effect's own sockets, on hosts that may crash. */
const fibers = Effect.gen(function* () {
  const network = yield* VirtualNetwork.VirtualNetwork
  const [client, server] = [network.host("client"), network.host("server")]
  yield* server.onSocket(7, (socket) =>
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const { writeAll } = yield* socket.writer
      yield* Effect.forever(Effect.flatMap(pull, writeAll))
    }),
  )
  let next = 0
  const talk = Effect.gen(function* () {
    const socket = client.socket("server:7")
    const { pull } = yield* Effect.timeout(socket.reader, "1 second")
    const { write } = yield* socket.writer
    while (next < messages) {
      yield* Effect.andThen(write("message"), pull).pipe(Effect.timeout("1 second"), History.attempt("echo", next))
      next++
      yield* Effect.sleep(50)
    }
  })
  yield* client.run(Effect.retry(Effect.scoped(talk), Schedule.spaced("200 millis")))
  yield* Sim.healed
})

/** Draws and plays so many plans, all of which must come out well. */
const explored = (program: Effect.Effect<void, unknown, Sim.World>) => {
  const check = [Check.recovers({ within: "5 seconds" })]
  return (runs: number) => Sim.assert({ faults: { on: ["client-server", "server"] }, check, runs, seed: 1 }, program)
}

/** Plays sessions through a proxy, and holds it to its promises. */
const sessions = (runs: number) => {
  for (const plan of Effect.runSync(Arbitrary.sampleEffect(Arbitrary.schema(Plan), { count: runs, seed: 1 }))) {
    const wrong = session(plan)
    if (wrong.length > 0) throw new Error(wrong.join("\n"))
  }
}

const row = (play: (runs: number) => void, plans: number, goal: number) => {
  const rates = Array.from({ length: 6 }, () => {
    const before = performance.now()
    play(plans)
    return (1000 * plans) / (performance.now() - before)
  }).slice(1) // the first one warms up
  const [low, high] = [Math.min(...rates), Math.max(...rates)].map(Math.round)
  return { plans, "plans per second": Math.round(median(rates)), from: low, to: high, goal }
}

console.table({
  "echo, two hosts, 20 messages": row(explored(webSockets), 1000, 500),
  "the same with fibers and Effect sockets": row(explored(fibers), 1000, 500),
  "a proxied session, held to its promises": row(sessions, 100, 50),
})
