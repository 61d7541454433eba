/**
 * Plays a plan on one connection, with the real transport on the proxy's end, and says which promises of WebSockets over TCP were broken.
 */
import { Effect, Schema } from "effect"
import type { CloseInfo, Frame } from "../../src/Transport.ts"
import * as EventLoop from "./eventLoop.ts"
import { type Message, Peer } from "./peer.ts"
import { transportOf } from "./transportOf.ts"
import { Wire } from "./wire.ts"
import { played } from "./simulated.ts"

const upTo = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))
const Side = Schema.Literals(["proxy", "peer"])
const WayOf = Schema.Literals(["up", "down"])
const late = Schema.Literals([0, 3, 30])

const Path = Schema.Struct({
  latency: Schema.Literals([0, 1, 7]),
  window: Schema.Literals([500, 65_536]),
  bandwidth: Schema.Literals([100, 1e9]),
})

const Send = Schema.TaggedStruct("Send", {
  by: Side,
  size: Schema.Literals([0, 1, 200, 3000]),
  count: Schema.Literals([1, 2, 6]),
})

/** What takes time and loses nothing; mostly messages. */
const Harmless = Schema.Union([
  Send,
  Send,
  Send,
  Schema.TaggedStruct("Ask", {}),
  Schema.TaggedStruct("Pause", { by: Side }),
  Schema.TaggedStruct("Resume", { by: Side }),
  Schema.TaggedStruct("Stall", { way: WayOf }),
  Schema.TaggedStruct("Thaw", { way: WayOf }),
  Schema.TaggedStruct("Latency", { way: WayOf, latency: upTo(9) }),
])

/** What ends it, or should. */
const Fatal = Schema.Union([
  Schema.TaggedStruct("Close", { by: Side }),
  Schema.TaggedStruct("Terminate", { by: Side }),
  Schema.TaggedStruct("Cut", { proxy: late, peer: late }),
  Schema.TaggedStruct("Freeze", { way: WayOf }),
])

export const Plan = Schema.Struct({
  up: Path,
  down: Path,
  readAhead: Schema.Literals([0, 100, 65_536]),
  resets: Schema.Boolean,
  deeds: Schema.Array(Schema.Struct({ at: upTo(30), deed: Harmless })).check(
    Schema.isMinLength(12),
    Schema.isMaxLength(30),
  ),
  blows: Schema.Array(Schema.Struct({ at: upTo(40), deed: Fatal })).check(Schema.isMaxLength(2)),
  seed: upTo(1_000_000),
  preempt: Schema.Literals([0, 0.1, 0.4]),
})
export type Plan = typeof Plan.Type
type Deed = typeof Harmless.Type | typeof Fatal.Type

/** The transport's mark, small enough to be met. */
const high = 2000
const largest = 3000 + 8

/** The whole story as a program that answers what was wrong. */
export const story = (plan: Plan) =>
  Effect.gen(function* () {
    const wrong: Array<string> = []
    const expect = (holds: boolean, what: () => string) => void (holds || wrong.push(what()))
    const loop = yield* EventLoop.make
    const { down, readAhead, resets, up } = plan
    const settings = { up, down, proxy: { readAhead, resets }, peer: { resets } }
    const wire = new Wire(loop, "server", 10_000, settings)
    wire.peer.open("")
    wire.proxy.open("")
    wire.proxy.pause()
    const peer = new Peer(wire, { headers: {}, protocol: "" })
    const transport = transportOf(wire.proxy, { headers: {}, protocol: "" }, loop)
    const sent: Array<Message> = []
    const received: Array<Message> = []
    let ended: CloseInfo | undefined
    let heard = 0
    let blocked = false
    wire.proxy.observer = {
      sent: (message) => sent.push(message),
      received: (message) => {
        expect(ended === undefined, () => "a message after the end")
        received.push(message)
      },
    }
    transport.listen(
      {
        frame: () => heard++,
        writable: () => {
          expect(blocked, () => "writable, but nothing was refused")
          blocked = false
        },
        confirmed: (mark) =>
          expect(peer.received.length >= mark, () => `the peer confirms ${mark}, and has ${peer.received.length}`),
        closed: (info) => {
          expect(ended === undefined, () => "it ended twice")
          ended = info
        },
      },
      high,
    )

    const send = (size: number) => {
      if (!transport.send(frameOf(size))) blocked ||= wire.proxy.readyState === 1
      expect(wire.proxy.bufferedAmount <= high + largest, () => `${wire.proxy.bufferedAmount} bytes are buffered`)
    }
    const act = (deed: Deed) => {
      const side = "by" in deed && deed.by === "peer" ? peer : transport
      switch (deed._tag) {
        case "Send":
          for (let i = 0; i < deed.count; i++) {
            if (deed.by === "peer") peer.send(new Uint8Array(deed.size))
            else send(deed.size)
          }
          return
        case "Ask":
          return void transport.barrier(sent.length)
        case "Pause":
          return side.pause()
        case "Resume":
          return side.resume()
        case "Close":
          return side === peer ? peer.close(4000, "bye") : wire.proxy.close(4001, "bye")
        case "Terminate":
          return side === peer ? peer.terminate() : transport.cut()
        case "Cut":
          return wire.cut(deed)
        case "Freeze":
          return wire.freeze(deed.way)
        case "Stall":
          return wire.stall(deed.way)
        case "Thaw":
          return wire.thaw(deed.way)
        case "Latency":
          wire[deed.way].path = { ...wire[deed.way].path, latency: deed.latency }
      }
    }

    for (const { at, deed } of [...plan.deeds, ...plan.blows].toSorted((a, b) => a.at - b.at)) {
      if (at > loop.now()) yield* Effect.sleep(at - loop.now())
      act(deed)
    }
    wire.thaw()
    transport.resume()
    peer.resume()
    yield* Effect.sleep("1 minute") // beyond everything but a close timer

    const ways = [
      { way: "up", said: peer.sent, got: received, end: ended },
      { way: "down", said: sent, got: peer.received, end: peer.ended },
    ]
    for (const { end, got, said, way } of ways) {
      expect(got.length <= said.length && got.every((one, i) => one === said[i]), () => `${way}: not what was sent`)
      if (end?.clean === true)
        expect(got.length === said.length, () => `${way}: a goodbye before ${said.length} messages`)
    }
    expect(heard === received.length, () => `the listener has heard ${heard} of ${received.length}`)
    const harmless = plan.blows.length === 0
    if (harmless) {
      expect(!blocked, () => "it never became writable")
      expect(sent.length === peer.received.length && peer.sent.length === received.length, () => "some are missing")
      expect(ended === undefined && peer.ended === undefined, () => "it ended by itself")
      yield* transport.close(4002, "done")
      yield* peer.closed
      const said = { code: 4002, reason: "done", clean: true }
      expect(JSON.stringify([ended, peer.ended]) === JSON.stringify([said, said]), () => "the goodbye was another")
    }
    yield* Effect.sleep("30 seconds")
    const frozen = plan.blows.some(({ deed }) => deed._tag === "Freeze")
    if (!harmless && !frozen) expect(wire.over, () => "one end still believes in it")
    return wrong
  })

/** Runs it once. */
export const run = (plan: Plan): ReadonlyArray<string> =>
  played(story(plan), { seed: plan.seed, preempt: plan.preempt })

const frameOf = (size: number): Frame => {
  const data = new Uint8Array(size)
  return { text: false, size, bytes: () => data }
}
