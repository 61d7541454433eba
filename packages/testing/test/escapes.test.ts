import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Sim } from "@holdfast/testing"
import { Cause, Deferred, Effect, Exit } from "effect"

const here = (text: string | undefined) => text?.replace(/^.*?([^/\\]+\.test\.ts):\d+:\d+\)?$/, "$1")

const stuck = (program: Effect.Effect<unknown, unknown, Sim.World>): Sim.Stuck => {
  const { exit } = Sim.run(program, { preempt: 0 })
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return defect instanceof Sim.Stuck ? defect : assert.fail(String(exit))
}

const brief = ({ escapes, reason, waiting }: Sim.Stuck) => ({
  reason,
  waiting: waiting.map(({ escape, name }) => [name, escape?.kind, here(escape?.where)]),
  escapes: escapes.map(({ kind, where }) => [kind, here(where)]),
})

const resolved = Promise.resolve(1)

describe("a program that leaves the simulation", () => {
  it("by a promise on a timer: both are named with their line", () => {
    const found = stuck(Effect.promise(() => new Promise<void>((done) => setTimeout(done, 1))))
    assert.deepStrictEqual(brief(found), {
      reason: "Escaped",
      waiting: [["main", "timer", "escapes.test.ts"]],
      escapes: [["timer", "escapes.test.ts"]],
    })
    assert.match(found.message, /\n {2}main: waits since 0 ms, for a real timer at .*escapes\.test\.ts:\d+:\d+/)
    assert.strictEqual(found.message.split("\n").length, 2)
  })

  it("by a promise that never settles", () => {
    assert.deepStrictEqual(brief(stuck(Effect.tryPromise(() => new Promise(() => {})))), {
      reason: "Escaped",
      waiting: [["main", "promise", "escapes.test.ts"]],
      escapes: [],
    })
  })

  it("by a promise that was settled long ago: there is no event loop to tell", () => {
    assert.deepStrictEqual(brief(stuck(Effect.promise(() => resolved))), {
      reason: "Escaped",
      waiting: [["main", "promise", undefined]],
      escapes: [],
    })
  })

  it("only the fiber that waits for something real is blamed", () => {
    const program = Effect.gen(function* () {
      const done = yield* Deferred.make<void>()
      const asks = Effect.andThen(
        Effect.promise(() => Promise.resolve()),
        Deferred.succeed(done, undefined),
      )
      yield* Effect.forkChild(Sim.named(Effect.delay(asks, "1 second"), "asks"))
      yield* Deferred.await(done)
    })
    assert.deepStrictEqual(brief(stuck(program)), {
      reason: "Escaped",
      waiting: [
        ["main", undefined, undefined],
        ["asks#2", "promise", "escapes.test.ts"],
      ],
      escapes: [],
    })
  })

  it("a promise that nobody waits for harms nobody", () => {
    const { escapes, exit } = Sim.run(Effect.sync(() => void Promise.resolve().then(() => {})))
    assert.deepStrictEqual([escapes, Exit.isSuccess(exit)], [[], true])
    const found = stuck(
      Effect.andThen(
        Effect.sync(() => void Promise.resolve()),
        Effect.never,
      ),
    )
    assert.strictEqual(found.reason, "Deadlock")
    assert.match(found.message, /\n {2}main: waits since 0 ms\n {2}perhaps the real promise at .*escapes\.test\.ts:/)
  })

  it("is told so when it goes on: timers, sockets, and effects that were run without the context", () => {
    const escapes = (body: () => void) =>
      Sim.run(Effect.sync(body)).escapes.map(({ kind, where }) => [kind, here(where)])
    assert.deepStrictEqual(
      escapes(() => clearTimeout(setTimeout(() => {}, 1))),
      [["timer", "escapes.test.ts"]],
    )
    assert.deepStrictEqual(
      escapes(
        () =>
          void connect(1, "127.0.0.1")
            .on("error", () => {})
            .destroy(),
      ),
      [["socket", "escapes.test.ts"]],
    )
    assert.deepStrictEqual(
      escapes(() => Effect.runFork(Effect.sleep("1 milli"))),
      [["timer", "escapes.test.ts"]],
    )
    assert.deepStrictEqual(
      escapes(() => Effect.runFork(Effect.yieldNow)),
      [["immediate", "escapes.test.ts"]],
    )
  })

  it("printing is no escape", () => {
    const { escapes } = Sim.run(
      Effect.andThen(
        Effect.log("from a simulated program"),
        Effect.sync(() => console.log("and without Effect")),
      ),
    )
    assert.deepStrictEqual(escapes, [])
  })

  it.live("something real that comes back after the run wakes nobody", () =>
    Effect.gen(function* () {
      let woken = 0
      const waits = Effect.promise(() => new Promise((done) => setTimeout(done, 1)))
      Sim.run(
        Effect.andThen(
          waits,
          Effect.sync(() => woken++),
        ),
      )
      yield* Effect.sleep(20)
      assert.strictEqual(woken, 0)
    }),
  )
})
