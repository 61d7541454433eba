/**
 * A peer that behaves by plan, in the simulator: it decides how each dial ends and how long a connection lives, writes down what
 * happens in the order it happens, and complains at once about what must never be.
 */
import type { Events, Link } from "@holdfast/core"
import { Clock, Context, Data, Effect, Fiber, Schema, type Scope } from "effect"

/** A time on a coarse grid, because bugs live where things happen at the same instant. */
export const ticks = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))
export const tick = 100

/** How long finalizers take; the last is longer than anybody waits for them. */
const Closing = Schema.Literals([0, 0, 1, 1, 3, 3, 120])

/** How one dial ends. All times in ticks. */
export const Dial = Schema.Union([
  Schema.TaggedStruct("Ok", { after: ticks(6), life: Schema.NullOr(ticks(30)), closing: Closing }),
  Schema.TaggedStruct("Refused", {
    after: ticks(6),
    kind: Schema.Literals(["refused", "reset", "auth"]),
    closing: Closing,
  }),
  Schema.TaggedStruct("Silent", { closing: Schema.Literals([0, 1]) }),
  Schema.TaggedStruct("Dies", { after: ticks(3) }),
])
export type Dial = typeof Dial.Type

/** The peer's own error; `kind` is what `Classify` reads. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly kind: "refused" | "reset" | "auth"
  readonly id: number
}> {}

/** A connection, or what a failed dial had already opened. */
export interface Connection {
  readonly id: number
  readonly key: string
  readonly openedAt: number
  /** When the dial succeeded. */
  readyAt: number | undefined
  /** When the peer hung up. */
  goneAt: number | undefined
  closingAt: number | undefined
  closedAt: number | undefined
  holders: number
  uses: number
  unusedAt: number
}

/** What happened, in order. */
export type Entry =
  | { readonly _tag: "Start"; readonly id: number; readonly key: string; readonly at: number }
  | { readonly _tag: "Stop"; readonly id: number; readonly at: number; readonly result: Result }
  | { readonly _tag: "Gone"; readonly id: number; readonly at: number; readonly again: boolean }
  | { readonly _tag: "Parked"; readonly at: number }
  | { readonly _tag: "Closing"; readonly id: number; readonly at: number }
  | { readonly _tag: "Closed"; readonly id: number; readonly at: number }
  | { readonly _tag: "Patient"; readonly user: number; readonly at: number; readonly on: boolean }
  | { readonly _tag: "Asked"; readonly at: number }
  | { readonly _tag: "Close"; readonly at: number }
  | { readonly _tag: "Told"; readonly at: number; readonly event: Events.Known }
export type Result = "ok" | "refused" | "reset" | "auth" | "died" | "stopped"

/** The peer, its connections and its diary. */
export class World {
  readonly log: Array<Entry> = []
  readonly connections = new Map<number, Connection>()
  /** Broken promises, in words. */
  readonly wrong: Array<string> = []
  readonly #clock: Clock.Clock
  readonly #context: Context.Context<never>
  readonly #plan: ReadonlyArray<Dial>
  readonly #lives: Array<Fiber.Fiber<void>> = []
  #dials = 0

  constructor(context: Context.Context<never>, plan: ReadonlyArray<Dial>) {
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#plan = plan
  }

  get now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  expect(holds: boolean, what: () => string): void {
    if (!holds) this.wrong.push(`@${this.now}: ${what()}`)
  }

  open(key?: string): ReadonlyArray<Connection> {
    return [...this.connections.values()].filter((one) => one.closedAt === undefined && (key ?? one.key) === one.key)
  }

  /** The dials whose connections end with a word that they are not to be dialled again. */
  goodbyes: ReadonlyArray<number> = []
  /** The dials whose connections have ended when they are told of. */
  stillborn: ReadonlyArray<number> = []

  /** Calls back when a dial begins, before anything is opened. */
  onDial: (id: number, key: string) => void = () => {}

  readonly connect = (key: string): Effect.Effect<Connection, Refused, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      const id = ++this.#dials
      const dial: Dial = this.#plan[id - 1] ?? { _tag: "Ok", after: 1, life: null, closing: 0 }
      this.onDial(id, key)
      this.log.push({ _tag: "Start", id, key, at: this.now })
      const connection = this.#connection(id, key)
      const opened = Effect.acquireRelease(
        Effect.sync(() => void this.connections.set(id, connection)),
        () => this.#close(connection, dial._tag === "Dies" ? 0 : dial.closing),
      )
      return restore(Effect.andThen(opened, this.#answer(dial, connection))).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            const result: Result =
              exit._tag === "Success"
                ? "ok"
                : dial._tag === "Refused"
                  ? dial.kind
                  : dial._tag === "Dies"
                    ? "died"
                    : "stopped"
            const cut = exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Interrupt")
            this.log.push({ _tag: "Stop", id, at: this.now, result: cut ? "stopped" : result })
            if (exit._tag === "Success") connection.readyAt = this.now
          }),
        ),
      )
    })

  readonly lost: Link.OnLost<Connection> = (connection, gone) => {
    const dial = this.#plan[connection.id - 1]
    if (dial?._tag !== "Ok") return
    const again = !this.goodbyes.includes(connection.id)
    const end = () => {
      if (connection.closingAt === undefined) {
        connection.goneAt = this.now
        this.log.push({ _tag: "Gone", id: connection.id, at: this.now, again })
      }
      gone(`1006 of ${connection.id}`, undefined, again)
      gone("said twice")
    }
    if (this.stillborn.includes(connection.id)) return end()
    if (dial.life === null) return
    const life = Effect.andThen(Effect.sleep(dial.life * tick), Effect.sync(end))
    this.#lives.push(Effect.runForkWith(this.#context)(life))
  }

  /** Nothing of the world itself is left. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => Fiber.interruptAll(this.#lives))
  }

  hold(connection: Connection): void {
    connection.holders++
    connection.uses++
  }

  release(connection: Connection): void {
    connection.holders--
    if (connection.holders === 0) connection.unusedAt = this.now
  }

  #connection(id: number, key: string): Connection {
    return {
      id,
      key,
      openedAt: this.now,
      readyAt: undefined,
      goneAt: undefined,
      closingAt: undefined,
      closedAt: undefined,
      holders: 0,
      uses: 0,
      unusedAt: 0,
    }
  }

  #answer(dial: Dial, connection: Connection): Effect.Effect<Connection, Refused> {
    if (dial._tag === "Silent") return Effect.never
    const answer =
      dial._tag === "Ok"
        ? Effect.succeed(connection)
        : dial._tag === "Refused"
          ? Effect.fail(new Refused({ kind: dial.kind, id: connection.id }))
          : Effect.die(new Error("bug in a dial"))
    return dial.after === 0 ? answer : Effect.delay(answer, dial.after * tick)
  }

  #close(connection: Connection, closing: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.expect(connection.closingAt === undefined, () => `connection ${connection.id} is closed twice`)
      connection.closingAt = this.now
      this.log.push({ _tag: "Closing", id: connection.id, at: this.now })
      const closed = Effect.sync(() => {
        connection.closedAt = this.now
        this.log.push({ _tag: "Closed", id: connection.id, at: this.now })
      })
      return closing === 0 ? closed : Effect.delay(closed, closing * tick)
    })
  }
}
