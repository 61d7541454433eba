/**
 * Plays a plan with one client of ours, direct or through a proxy, while its connections are cut, frozen, closed and refused, and says
 * which promises were broken. The numbers are those of the promises:
 *
 * 1 order, 2 no duplicates but under `replay`, 3 nothing lost in silence, 4 `onSession` first, 5 one dial at a time, 6 it ends once,
 * and nothing comes after, 7 bounds, 8 it comes back, 9 nothing is left.
 */
import * as Backoff from "@holdfast/core/Backoff"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import * as Client from "../../src/Client.ts"
import type * as ClientSchema from "../../src/ClientSchema.ts"
import { Dialer } from "../../src/Dialer.ts"
import { Waiting } from "../../src/internal/waiting.ts"
import { common, staged } from "./clientStage.ts"
import { textOf } from "./peer.ts"
import type { Reply } from "./upstream.ts"
import { played } from "./simulated.ts"

const upTo = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))
const late = Schema.Literals([0, 3, 100])

const Deed = Schema.Union([
  Schema.TaggedStruct("Say", { count: Schema.Literals([1, 5, 70]), size: Schema.Literals([0, 900]) }),
  Schema.TaggedStruct("Say", { count: Schema.Literals([1, 5]), size: Schema.Literals([0]) }),
  Schema.TaggedStruct("Hear", { count: Schema.Literals([1, 5, 70]), size: Schema.Literals([0, 900]) }),
  Schema.TaggedStruct("Pause", {}),
  Schema.TaggedStruct("Read", {}),
  Schema.TaggedStruct("Cut", { client: late, server: late }),
  Schema.TaggedStruct("Freeze", { way: Schema.Literals(["up", "down"]) }),
  Schema.TaggedStruct("Stall", { way: Schema.Literals(["up", "down"]) }),
  Schema.TaggedStruct("Thaw", {}),
  Schema.TaggedStruct("Close", { code: Schema.Literals([1001, 1005, 1011, 1012, 4404]) }),
  Schema.TaggedStruct("Replies", { replies: Schema.Array(Schema.Literals(["503", "gone", "silence", "slow"])) }),
  Schema.TaggedStruct("Restart", { after: Schema.Literals([0, 300, 4000]) }),
  Schema.TaggedStruct("Reconnect", {}),
])

export const Plan = Schema.Struct({
  proxied: Schema.Boolean,
  uncertain: Schema.Literals(["drop", "replay", "fail"]),
  overflow: Schema.Literals(["Backpressure", "Backpressure", "DropOldest", "DropNewest", "Fail"]),
  messages: Schema.Literals([3, 20, 1024]),
  bytes: Schema.Literals([3000, 1_000_000]),
  greets: Schema.Literals(["no", "at once", "slowly"]),
  window: Schema.Literals([600, 65_536]),
  latency: Schema.Literals([0, 1, 7]),
  bandwidth: Schema.Literals([5000, 1e9]),
  resets: Schema.Boolean,
  deeds: Schema.Array(Schema.Struct({ wait: Schema.Literals([0, 2, 10, 60, 300, 1200, 6000]), deed: Deed })).check(
    Schema.isMinLength(4),
    Schema.isMaxLength(20),
  ),
  /** What ends it. */
  ending: Schema.Literals(["scope", "1000", "4401", "scope while away"]),
  seed: upTo(1_000_000),
  preempt: Schema.Literals([0, 0.1, 0.4]),
})
export type Plan = typeof Plan.Type
type Deed = typeof Deed.Type

const heartbeat = 3000
const heartbeatTimeout = 2000
const largest = 1000

/** The whole story; what was wrong is in the answer. */
export const story = (plan: Plan) =>
  Effect.gen(function* () {
    const wrong: Array<string> = []
    const expect = (holds: boolean, what: () => string) => void (holds || wrong.push(what()))
    const { bandwidth, latency, resets, window } = plan
    const path = { bandwidth, latency, window }
    const stage = yield* staged({
      settings: () => ({ up: path, down: path, proxy: { resets }, peer: { resets } }),
      proxied: plan.proxied && {
        linger: 60_000,
        stallTimeout: 600_000,
        upstreamRetryBudget: "10 minutes",
        uncertain: plan.uncertain === "fail" ? "drop" : plan.uncertain,
      },
    })
    const { network, upstream } = stage
    const hop = plan.proxied ? "client" : "upstream"
    const wires = network.wires[hop]
    // The end of a wire that the client has.
    const [own, far] = plan.proxied ? (["peer", "proxy"] as const) : (["proxy", "peer"] as const)

    // 5
    let dialling = 0
    const watched = Layer.effect(
      Dialer,
      Effect.map(Dialer, ({ dial }) => ({
        dial: (target) =>
          Effect.suspend(() => {
            const open = wires.filter((wire) => wire[own].readyState === 1).length
            expect(
              ++dialling === 1 && open === 0,
              () => `5: a dial beside ${dialling - 1} dials and ${open} connections`,
            )
            return Effect.ensuring(
              dial(target),
              Effect.sync(() => dialling--),
            )
          }),
      })),
    )

    const greeting = ["hello", "subscribe"]
    const scope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
    const layer = Client.layer({
      ...common,
      backoff: Backoff.full({ maxDelay: "1 second" }),
      heartbeat,
      heartbeatTimeout,
      uncertain: plan.uncertain,
      buffer: { messages: plan.messages, bytes: plan.bytes, overflow: plan.overflow },
      ...(plan.greets !== "no" && {
        onSession: (send) =>
          Effect.forEach(
            greeting,
            (text) => Effect.andThen(Effect.sleep(plan.greets === "slowly" ? 50 : 0), send(text)),
            { discard: true },
          ),
      }),
    }).pipe(Layer.provide(watched), Layer.provide(stage.world))
    const client = Context.get(yield* Layer.buildWithScope(layer, scope), Client.Client)

    // The client's side: numbered messages from one fiber; a reader that can be paused.
    let said = 0
    let refused = 0
    const taken: Array<number> = []
    const heard: Array<number> = []
    let ends = 0
    let reading = true
    const queue: Array<number> = []
    const news = new Waiting()
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        while (true) {
          const size = queue.shift()
          if (size === undefined) {
            yield* news.after(news.turn)
            continue
          }
          const n = ++said
          const text = `${n}`.padEnd(size)
          const exit = yield* Effect.exit(client.send(text))
          if (Exit.isSuccess(exit)) taken.push(n)
          else refused++
        }
      }),
    )
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        while (true) {
          if (!reading) {
            yield* news.after(news.turn)
            continue
          }
          const got = yield* Effect.exit(client.receive)
          if (Exit.isFailure(got)) {
            ends++
            return
          }
          // 7: what arrived until the socket stopped: one read of 64 KiB beyond the marks
          const size = got.value.reduce((sum, message) => sum + message.length, 0)
          expect(size <= plan.bytes + largest + 65_536, () => `7: ${size} bytes were read ahead`)
          for (const message of got.value) heard.push(Number(message))
        }
      }),
    )

    // The server's side.
    let told = 0
    const tell = (count: number, size: number) => {
      const peer = upstream.open.at(-1)?.peer
      if (peer?.isOpen !== true) return
      for (let at = 0; at < count; at++) peer.send(`${++told}`.padEnd(size))
    }
    const replies: Array<Reply> = []
    upstream.reply = () => replies.shift() ?? { _tag: "Accept" }
    const current = () => wires.findLast((wire) => wire[own].readyState === 1)

    const act = Effect.fnUntraced(function* (deed: Deed) {
      switch (deed._tag) {
        case "Say":
          for (let at = 0; at < deed.count; at++) queue.push(deed.size)
          return news.wake()
        case "Hear":
          return tell(deed.count, deed.size)
        case "Pause":
          reading = false
          return
        case "Read":
          reading = true
          return news.wake()
        case "Cut":
          return current()?.cut({ [own]: deed.client, [far]: deed.server })
        case "Freeze":
          return current()?.freeze(deed.way)
        case "Stall":
          return current()?.stall(deed.way)
        case "Thaw":
          return current()?.thaw()
        case "Close":
          return current()?.[far].close(deed.code === 1005 ? undefined : deed.code)
        case "Replies":
          for (const reply of deed.replies) {
            if (reply === "503") replies.push({ _tag: "Answer", status: 503 })
            else if (reply === "gone") replies.push({ _tag: "Unreachable" })
            else if (reply === "slow") replies.push({ _tag: "Accept", after: 500 })
            else replies.push({ _tag: "Silence" })
          }
          return
        case "Restart":
          if (!plan.proxied) {
            upstream.down()
            upstream.killAll()
            yield* Effect.sleep(deed.after)
            return upstream.up()
          }
          yield* stage.stop
          yield* Effect.sleep(deed.after)
          return yield* stage.start
        case "Reconnect":
          return yield* client.reconnect("told to")
      }
    })
    for (const { deed, wait } of plan.deeds) {
      if (wait > 0) yield* Effect.sleep(wait)
      yield* act(deed)
    }

    // 8: the faults are over
    reading = true
    news.wake()
    replies.length = 0
    for (const wire of wires) wire.thaw()
    yield* Effect.sleep("1 minute")
    const doubts = () => stage.events("Uncertain") as unknown as ReadonlyArray<typeof ClientSchema.Uncertain.Type>
    const drops = () => stage.events("Dropped") as unknown as ReadonlyArray<typeof ClientSchema.Dropped.Type>
    const failed = plan.uncertain === "fail" && doubts().length > 0
    const over = () => client.state() === "Shutdown"
    if (failed) expect(over() && ends === 1, () => "6: it goes on after a doubt under fail")
    else expect(client.state() === "Ready", () => `8: it is ${client.state()}`)

    const received = () => upstream.connections.map(({ peer }) => peer.received.map(textOf))
    if (!failed) {
      const before = heard.length
      queue.push(0)
      news.wake()
      tell(1, 0)
      yield* Effect.sleep("10 seconds")
      const last = `${said}`
      const arrived = received().some((texts) => texts.includes(last))
      expect(arrived || refused > 0 || drops().length > 0, () => "8: the last word did not arrive")
      expect(heard.length > before, () => "8: nothing is heard any more")
    }

    // 6
    if (!over()) {
      if (plan.ending === "1000" || plan.ending === "4401") current()?.[far].close(Number(plan.ending))
      else {
        if (plan.ending === "scope while away") {
          upstream.down()
          current()?.cut()
        }
        yield* Scope.close(scope, Exit.void)
      }
      yield* Effect.sleep("1 minute")
      expect(over(), () => `6: it is ${client.state()} after its end`)
      expect(ends === 1, () => `6: it has ended ${ends} times`)
    }
    const dials = wires.length
    yield* Effect.sleep("1 minute")
    expect(wires.length === dials, () => "6: it dials after its end")

    // 1 to 4
    const sessions = received()
    for (const [at, texts] of sessions.entries()) {
      const greets = plan.greets === "no" ? 0 : texts.findIndex((text) => !greeting.includes(text))
      const first = texts.slice(0, greets < 0 ? texts.length : greets)
      if (plan.greets !== "no" && texts.length > first.length)
        expect(
          first.slice(-2).join() === greeting.join(),
          () => `4: session ${at + 1} begins with ${texts.slice(0, 4)}`,
        )
      const late = texts.slice(first.length).filter((text) => greeting.includes(text))
      // Behind a proxy it is greeted again when its greeting may not have arrived.
      expect(plan.proxied || late.length === 0, () => `4: session ${at + 1} is greeted late`)
    }
    const numbers = sessions.map((texts) => texts.filter((text) => !greeting.includes(text)).map(Number))
    const all = numbers.flat()
    for (const one of plan.uncertain === "replay" ? [] : [all])
      expect(
        one.every((n, at) => at === 0 || n > one[at - 1]!),
        () => `1, 2: the server has got ${one.join()}`,
      )
    const set = new Set(all)
    const missing = taken.filter((n) => !set.has(n)).length
    const reported =
      doubts().reduce((sum, { first, last, outcome }) => sum + (outcome === "replayed" ? 0 : last - first + 1), 0) +
      drops().reduce((sum, { messages }) => sum + messages, 0)
    // What the proxy had taken is its business.
    if (!plan.proxied) expect(missing <= reported, () => `3: ${missing} are missing, ${reported} are reported`)
    // The server's words: each once, in order, and none is made up.
    if (!plan.proxied || plan.uncertain !== "replay")
      expect(
        heard.every((n, at) => at === 0 || n > heard[at - 1]!),
        () => `1, 2: the client has got ${heard.join()}`,
      )
    yield* stage.stop
    yield* Effect.sleep("1 minute")
    return wrong
  })

/** Runs it once. */
export const run = (plan: Plan): ReadonlyArray<string> =>
  played(story(plan), { seed: plan.seed, preempt: plan.preempt, maxSteps: 4_000_000 })
