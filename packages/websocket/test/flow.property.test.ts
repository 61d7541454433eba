import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Flow } from "../src/internal/flow.ts"
import { Outlet, type Range } from "../src/internal/outlet.ts"
import * as Traffic from "../src/internal/traffic.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Step = Schema.Union([
  Schema.TaggedStruct("Push", { size: small(30) }),
  Schema.TaggedStruct("Push", { size: small(3) }),
  Schema.TaggedStruct("Attach", { room: small(6) }),
  Schema.TaggedStruct("Detach", { which: small(2) }),
  Schema.TaggedStruct("Room", { which: small(2), room: small(6) }),
  Schema.TaggedStruct("Ask", { which: small(2) }),
  Schema.TaggedStruct("Confirm", { which: small(2), back: small(2) }),
  Schema.TaggedStruct("Lock", {}),
  Schema.TaggedStruct("Unlock", {}),
])
const Steps = Schema.Array(Step).check(Schema.isMinLength(40), Schema.isMaxLength(80))
const marks = { messages: 6, bytes: 60 }

/** A consumer: what it was sent, and what it has confirmed. */
class Consumer {
  readonly transport = new FakeTransport()
  readonly outlet: Outlet
  constructor(wheel: FakeWheel, room: number) {
    this.outlet = new Outlet(this.transport, wheel)
    this.transport.room = room
  }
  get got(): ReadonlyArray<number> {
    return this.transport.sent.map((text) => Number.parseInt(text))
  }
}

// A flow beside a plain list of everything that was pushed and what has become of it.
class Model {
  readonly #most: number
  readonly #replay: boolean
  readonly #wheel = new FakeWheel()
  readonly #traffic = Traffic.none()
  readonly #flow: Flow
  readonly #sizes: Array<number> = []
  readonly #here: Array<Consumer> = []
  readonly #handed = new Set<number>()
  readonly #confirmed = new Set<number>()
  readonly #uncertain = new Set<number>()
  readonly #pressure: Array<boolean> = [false]
  #abandoned = 0

  constructor(most: number, replay: boolean) {
    this.#most = most
    this.#replay = replay
    const onPressure = (paused: boolean) => void this.#pressure.push(paused)
    this.#flow = new Flow({ marks, replay, traffic: this.#traffic, onPressure })
  }

  run(step: typeof Step.Type): void {
    const consumer = "which" in step ? this.#here[step.which] : undefined
    if (step._tag === "Push") this.#push(step.size)
    else if (step._tag === "Attach") this.#attach(step.room)
    else if (step._tag === "Lock") this.#flow.lock()
    else if (step._tag === "Unlock") this.#flow.unlock()
    else if (consumer === undefined) return
    else if (step._tag === "Detach") this.#detach(consumer)
    else if (step._tag === "Ask") consumer.outlet.barrier()
    else if (step._tag === "Room") {
      consumer.transport.room = step.room
      this.#flow.flush(consumer.outlet)
    } else this.#confirm(consumer, step.back)
    for (const one of this.#here) for (const seq of one.got) this.#handed.add(seq)
    this.#check()
  }

  #push(size: number): void {
    this.#sizes.push(Math.max(size, 3))
    this.#flow.push(frame(`${this.#sizes.length}`.padEnd(Math.max(size, 3))))
  }

  #attach(room: number): void {
    if (this.#here.length === this.#most) return
    const [nobody, handed, confirmed, gone] = [
      this.#here.length === 0,
      new Set(this.#handed),
      new Set(this.#confirmed),
      this.#sizes.length - this.#flow.heldMessages,
    ]
    const consumer = new Consumer(this.#wheel, room)
    this.#here.push(consumer)
    this.#flow.attach(consumer.outlet)
    const first = consumer.outlet.next - consumer.got.length
    // Who is alone starts where the others have stopped; who is not hears only what is new.
    const known = this.#replay ? confirmed : handed
    if (nobody) assert.strictEqual(first, Math.max(gone, ...known) + 1)
    else assert.strictEqual(first, this.#sizes.length + 1)
  }

  #detach(consumer: Consumer): void {
    const { confirmed, next } = consumer.outlet
    const range = this.#flow.detach(consumer.outlet)
    assert.deepStrictEqual(range, confirmed + 1 < next ? ([confirmed + 1, next - 1] satisfies Range) : undefined)
    if (range !== undefined) for (let seq = range[0]; seq <= range[1]; seq++) this.#uncertain.add(seq)
    this.#here.splice(this.#here.indexOf(consumer), 1)
  }

  #confirm(consumer: Consumer, back: number): void {
    const { barriers } = consumer.transport
    const mark = barriers[barriers.length - 1 - back]
    if (mark === undefined) return
    consumer.transport.barriers = barriers.slice(barriers.length - back)
    this.#flow.confirm(consumer.outlet, mark)
    for (const seq of consumer.got) if (seq <= mark) this.#confirmed.add(seq)
  }

  #check(): void {
    const [flow, last] = [this.#flow, this.#sizes.length]
    for (const { got, outlet } of this.#here) {
      // In order, without a gap, up to where the outlet is.
      got.forEach((seq, at) => assert.strictEqual(seq, outlet.next - got.length + at))
    }
    if (this.#here.length > 0) {
      const done = this.#here.map(({ outlet }) => (this.#replay ? outlet.confirmed : outlet.next - 1))
      assert.strictEqual(flow.heldMessages, last - Math.min(...done))
    }
    const held = this.#sizes.slice(last - flow.heldMessages)
    assert.strictEqual(
      flow.heldBytes,
      held.reduce((sum, size) => sum + size, 0),
    )
    const { heldBytes, heldMessages, lost, sent } = this.#traffic
    assert.deepStrictEqual([heldMessages, heldBytes], [flow.heldMessages, flow.heldBytes])
    // What nobody needs any more was sent on, or is counted as lost; a replaying flow may also have reported it as uncertain.
    const gone = Array.from({ length: last - flow.heldMessages }, (_, at) => at + 1)
    const never = gone.filter((seq) => !this.#handed.has(seq))
    assert.deepStrictEqual([sent, lost], [this.#handed.size, never.length])
    const known = (seq: number) => !this.#replay || this.#confirmed.has(seq) || this.#uncertain.has(seq)
    assert.isTrue(gone.every((seq) => never.includes(seq) || known(seq)))
    this.#abandoned += flow.takeAbandoned()
    assert.strictEqual(this.#abandoned, never.length)
    assert.strictEqual(flow.waiting, last - this.#handed.size - never.length)
    this.#checkPressure()
  }

  #checkPressure(): void {
    const flow = this.#flow
    this.#pressure.forEach((paused, at) => assert.strictEqual(paused, at % 2 === 1))
    assert.strictEqual(flow.paused, this.#pressure.at(-1))
    if (flow.heldMessages >= marks.messages || flow.heldBytes >= marks.bytes) assert.isTrue(flow.paused)
    if (flow.heldMessages === 0) assert.isFalse(flow.paused)
    if (flow.slowest !== undefined) {
      assert.isTrue(flow.paused)
      assert.include(
        this.#here.map(({ outlet }) => outlet),
        flow.slowest,
      )
    }
  }
}

describe("a flow, beside a plain list", () => {
  for (const replay of [false, true]) {
    for (const most of [1, 3]) {
      const name = `${replay ? "replaying" : "dropping"}, with ${most === 1 ? "one consumer" : "several consumers"}`
      it.effect.prop(
        `${name}: keeps the order, gives nothing twice, holds what is needed, stops its producers at the marks`,
        [Steps],
        ([steps]) =>
          Effect.sync(() => {
            const model = new Model(most, replay)
            for (const step of steps) model.run(step)
          }),
        { arbitrary: { runs: 1000, seed: "flow" } },
      )
    }
  }
})
