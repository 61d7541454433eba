/**
 * What a network promises, whatever a plan does to it: what arrives was sent, in order and once; who is told a goodbye has heard
 * everything before it; and after the heal it works.
 */
import { assert, describe, it } from "@effect/vitest"
import { Fault, FaultPlan, Sim, VirtualNetwork } from "@holdfast/testing"
import { Cause, Effect, Exit } from "effect"
import type * as Socket from "effect/socket/Socket"

const kinds = Fault.all.filter((kind) => !["corrupt", "loss", "duplicate", "reorder"].includes(kind))
const plans = FaultPlan.arbitrary({ on: ["client-server", "server", "client"], kinds, within: "3 seconds", atMost: 8 })

/** One direction of one connection. */
interface Talk {
  readonly sent: Array<string>
  readonly got: Array<string>
}

/** Whether it leaves ends behind that nobody tells. */
const halfOpen = ({ faults }: FaultPlan.FaultPlan) =>
  faults.some(({ fault }) => fault._tag === "blackhole" && fault.keepOpen === true)

const inOrder = ({ got, sent }: Talk) => got.length <= sent.length && got.every((one, index) => one === sent[index])

/** A client that dials again and again, as stubbornly as it can, and a server that answers. */
const webSockets = Effect.fnUntraced(function* (plan: FaultPlan.FaultPlan) {
  const network = yield* VirtualNetwork.VirtualNetwork
  const wrong: Array<string> = []
  const talks: Array<Record<"up" | "down", Talk>> = []
  const open = new Set<VirtualNetwork.VirtualWebSocket>()
  const heard = (socket: VirtualNetwork.VirtualWebSocket, said: Talk, told: Talk) => {
    let ended = false
    socket.on("message", (data: Buffer) => {
      if (ended) wrong.push("a message after the end")
      told.got.push(data.toString())
    })
    socket.on("error", () => {})
    socket.on("close", (code: number) => {
      if (ended) wrong.push("it ended twice")
      // Only the ends themselves say this code, and they say it last.
      if (code === 4000 && told.got.length < told.sent.length) wrong.push("a goodbye before everything")
      ended = true
      open.delete(socket)
    })
    open.add(socket)
    return (text: string) => {
      if (socket.readyState !== 1) return
      said.sent.push(text)
      socket.send(text)
    }
  }
  yield* network.host("server").onUpgrade(80, (upgrade) => {
    const talk = talks[Number(upgrade.url.slice(1))]!
    const socket = upgrade.accept()
    const say = heard(socket, talk.down, talk.up)
    socket.on("message", (data: Buffer) => say(`re ${data.toString()}`))
  })
  const { webSocket } = network.host("client")
  const dial = () => {
    const talk = { up: { sent: [], got: [] }, down: { sent: [], got: [] } }
    const socket = webSocket(`ws://server/${talks.push(talk) - 1}`, [], { handshakeTimeout: 500 })
    return { socket, say: heard(socket, talk.up, talk.down), talk }
  }
  let current = dial()
  for (let n = 0; n < 40; n++) {
    yield* Effect.sleep(97)
    if (current.socket.readyState > 1) current = dial()
    for (let i = 0; i < n % 4; i++) current.say(`${n}.${i} ${"x".repeat((n * 37) % 500)}`)
    if (n % 13 === 5) current.socket.close(4000)
    if (n % 17 === 9) current.socket.terminate()
  }
  current.socket.terminate()
  yield* Sim.healed
  const last = dial()
  yield* Effect.sleep("1 second")
  last.say("hello")
  yield* Effect.sleep("1 second")
  if (last.talk.down.got.join() !== "re hello") wrong.push("it does not work after the heal")
  last.socket.close(4000)
  yield* Effect.sleep("3 minutes")
  const deaf = [...open].filter(({ readyState }) => readyState !== 3)
  if (deaf.length > 0 && !halfOpen(plan)) wrong.push(`${deaf.length} ends have not heard of the end`)
  if (network.connections().length > 0 && !halfOpen(plan)) wrong.push("a connection is left")
  for (const [n, { down, up }] of talks.entries()) {
    if (!inOrder(up)) wrong.push(`up ${n}: not what was sent`)
    if (!inOrder(down)) wrong.push(`down ${n}: not what was sent`)
  }
  return wrong
})

/** The same with bytes: what arrives is a prefix of what was written. */
const bytes = Effect.fnUntraced(function* (plan: FaultPlan.FaultPlan) {
  const network = yield* VirtualNetwork.VirtualNetwork
  const wrong: Array<string> = []
  const all = (socket: Socket.Socket, got: { text: string }) =>
    Effect.flatMap(socket.reader, ({ pull }) =>
      Effect.forever(Effect.map(pull, (chunks) => chunks.forEach((one) => (got.text += Buffer.from(one).toString())))),
    )
  const there: Array<{ text: string }> = []
  yield* network.host("server").onSocket(9, (socket) => {
    const got = { text: "" }
    there.push(got)
    return all(socket, got)
  })
  const sent: Array<string> = []
  const talk = Effect.gen(function* () {
    const socket = network.host("client").socket("server:9")
    yield* Effect.forkScoped(Effect.ignore(all(socket, { text: "" })))
    const { write } = yield* socket.writer
    const index = sent.push("") - 1
    for (let n = 0; n < 10; n++) {
      const text = `${index}:${n};`.repeat(1 + ((n * 7) % 50))
      sent[index] += text
      yield* write(text)
      yield* Effect.sleep(83)
    }
  })
  for (let n = 0; n < 4; n++) yield* Effect.scoped(talk).pipe(Effect.timeout("1 second"), Effect.ignore)
  yield* Sim.healed
  yield* Effect.scoped(talk).pipe(Effect.timeout("10 seconds"))
  yield* Effect.sleep("3 minutes")
  if (network.connections().length > 0 && !halfOpen(plan)) wrong.push("a connection is left")
  for (const { text } of there) {
    const whole = sent[Number(text.split(":")[0])]
    if (text !== "" && whole?.startsWith(text) !== true) wrong.push(`not what was written: ${text.slice(0, 20)}`)
  }
  if (!there.some(({ text }) => text === sent.at(-1))) wrong.push("it does not work after the heal")
  return wrong
})

const wrongs = (
  program: (plan: FaultPlan.FaultPlan) => Effect.Effect<ReadonlyArray<string>, unknown, Sim.World>,
  plan: FaultPlan.FaultPlan,
) => {
  const { escapes, exit, leaked } = Sim.run(program(plan), { plan })
  const found = Exit.isSuccess(exit) ? exit.value : [Cause.pretty(exit.cause)]
  return [...found, ...leaked.map(({ name }) => `${name} is left`), ...escapes.map(({ kind }) => `a real ${kind}`)]
}

describe("the virtual network, whatever happens to it", () => {
  it.effect.prop(
    "carries WebSockets",
    [plans],
    ([plan]) => Effect.sync(() => assert.deepStrictEqual(wrongs(webSockets, plan), [])),
    { arbitrary: { runs: 600, seed: 1 } },
  )

  it.effect.prop(
    "carries bytes",
    [plans],
    ([plan]) => Effect.sync(() => assert.deepStrictEqual(wrongs(bytes, plan), [])),
    { arbitrary: { runs: 600, seed: 2 } },
  )

  it.effect.prop(
    "is decided by its plan: the same run twice has the same hash and the same history",
    [FaultPlan.arbitrary({ on: ["client-server", "server", "client"], kinds: Fault.all, within: "3 seconds" })],
    ([plan]) =>
      Effect.sync(() => {
        const [one, two] = [Sim.run(webSockets(plan), { plan }), Sim.run(webSockets(plan), { plan })]
        assert.deepStrictEqual([one.hash, one.history], [two.hash, two.history])
      }),
    { arbitrary: { runs: 60, seed: 3 } },
  )
})
