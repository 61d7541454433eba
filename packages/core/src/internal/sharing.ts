/**
 * One connection per key, counted. An entry is in the map from its dial until its end; whoever holds it keeps it after that.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as EventSchema from "../EventSchema.ts"
import type { LinkMap, Options } from "../LinkMap.ts"
import * as Classify from "./classify.ts"
import { type Close, Closings, deadline } from "./closings.ts"
import { dial, failure } from "./dial.ts"
import type { Generation } from "./generation.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"
import * as Monotonic from "./monotonic.ts"
import { Reporter } from "./reporter.ts"

/** A key's connection, from the first `get` on. */
class Entry<K, A, E> {
  readonly key: K
  readonly target: string
  readonly report: Reporter
  readonly answer = Deferred.makeUnsafe<Generation<A>, E | LinkError>()
  /** One user fewer. */
  readonly release: Effect.Effect<void>
  refs = 0
  /** Out of the map: its users may still hold it, nobody else will. */
  left = false
  /** The number of its dial, once that has begun, and when it did. */
  attempt: number | undefined
  started = 0
  generation: Generation<A> | undefined
  dialling: Fiber.Fiber<void> | undefined
  /** When an unused connection closes, and the fiber that waits for it. */
  expiresAt = 0
  expiry: Fiber.Fiber<void> | undefined

  constructor(key: K, target: string, report: Reporter, unused: (self: Entry<K, A, E>) => Effect.Effect<void>) {
    this.key = key
    this.target = target
    this.report = report
    this.release = Effect.suspend(() => {
      this.report.held(-1)
      return --this.refs > 0 ? Effect.void : unused(this)
    })
  }

  hold(): void {
    this.refs++
    this.report.held(1)
  }
}

/** An empty map. */
export class Sharing<K, A, E, R> implements LinkMap<K, A, E> {
  readonly #options: Options<K, A, E, R>
  readonly #context: Context.Context<Exclude<R, Scope.Scope>>
  readonly #clock: Clock.Clock
  readonly #idle: number
  readonly #entries = MutableHashMap.empty<K, Entry<K, A, E>>()
  readonly #closings = new Closings()
  readonly #dials = new Set<Fiber.Fiber<void>>()
  /** Dials that nobody waits for any more, and that have not stopped yet: the next one to their key waits for them. */
  readonly #stopping = MutableHashMap.empty<K, Fiber.Fiber<void>>()
  #closed = false

  constructor(options: Options<K, A, E, R>, context: Context.Context<Exclude<R, Scope.Scope>>) {
    this.#options = options
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#idle = Duration.toMillis(Duration.fromInputUnsafe(options.idle ?? 0))
  }

  readonly get = (key: K): Effect.Effect<A, E | LinkError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber<A, E | LinkError, Scope.Scope>((fiber) => {
        if (this.#closed) return Effect.fail(LinkErrors.closed(this.#name(key)))
        const entry = this.#entry(key)
        const scope = Context.getUnsafe(fiber.context, Scope.Scope)
        entry.hold()
        return entry.generation === undefined
          ? Effect.flatMap(this.#answered(entry, restore), (generation) => lend(scope, entry, generation))
          : lend(scope, entry, entry.generation)
      }),
    )

  readonly use = <B, E2, R>(
    key: K,
    f: (connection: A) => Effect.Effect<B, E2, R>,
  ): Effect.Effect<B, E | E2 | LinkError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend((): Effect.Effect<B, E | E2 | LinkError, R> => {
        if (this.#closed) return Effect.fail(LinkErrors.closed(this.#name(key)))
        const entry = this.#entry(key)
        entry.hold()
        return Effect.flatMap(this.#answered(entry, restore), (generation) =>
          Effect.ensuring(restore(generation.guard(Effect.suspend(() => f(generation.connection)))), entry.release),
        )
      }),
    )

  readonly retire = (
    key: K,
    options?: { readonly only?: A | undefined; readonly why?: string | undefined },
  ): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const entry = Option.getOrUndefined(MutableHashMap.get(this.#entries, key))
      if (entry === undefined) return Effect.succeed(false)
      if (options?.only !== undefined && entry.generation?.connection !== options.only) return Effect.succeed(false)
      const { why = "retired" } = options ?? {}
      return Effect.as(this.#end(entry, LinkErrors.lost(entry.target, why), "local", why), true)
    }).pipe(Effect.uninterruptible)

  get close(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.#closed = true
      const ending = Array.from(this.#entries, ([, entry]) => this.#end(entry, LinkErrors.closed(entry.target)))
      const exits = yield* Effect.forEach(ending, Effect.exit, { concurrency: "unbounded" })
      yield* Effect.forEach([...this.#dials], Fiber.await, { discard: true })
      yield* this.#closings.all
      // One finalizer that dies keeps no other from being run, and is seen.
      for (const exit of exits) yield* exit
    })
  }

  #entry(key: K): Entry<K, A, E> {
    const found = MutableHashMap.get(this.#entries, key)
    if (Option.isSome(found)) return found.value
    const target = this.#name(key)
    const report = new Reporter(this.#context, this.#options.program ?? "app", target)
    const entry = new Entry<K, A, E>(key, target, report, (self) => this.#unused(self))
    MutableHashMap.set(this.#entries, key, entry)
    report.moved("Connecting")
    const before = Option.getOrUndefined(MutableHashMap.get(this.#stopping, key))
    const dial = this.#dial(entry)
    const dialling = this.#run(before === undefined ? dial : Effect.andThen(Fiber.await(before), dial))
    if (dialling.pollUnsafe() === undefined) {
      entry.dialling = dialling
      this.#dials.add(dialling)
      dialling.addObserver(() => {
        entry.dialling = undefined
        this.#dials.delete(dialling)
      })
    }
    return entry
  }

  #dial(entry: Entry<K, A, E>): Effect.Effect<void> {
    const { key } = entry
    const { connect, connectTimeout, lost } = this.#options
    let timeout: LinkError | undefined
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        if (entry.left) return
        const scope = Scope.makeUnsafe()
        entry.started = this.#now()
        entry.attempt = entry.report.connecting()
        const attempting = dial(
          {
            connect: Effect.suspend(() => connect(key)),
            connectTimeout,
            timeout: () => Effect.fail((timeout = LinkErrors.connectTimeout(entry.target))),
            reached: (generation) =>
              lost?.(
                generation.connection,
                (why, reason) => this.#gone(entry, generation, why, reason),
                (effect) => void this.#run(generation.fork(effect)),
              ),
          },
          scope,
        )
        const exit = yield* Effect.exit(restore(attempting))
        if (Exit.isSuccess(exit) && exit.value.ended === undefined && !entry.left) {
          exit.value.readyAt = this.#now()
          entry.generation = exit.value
          entry.report.moved("Ready")
          entry.report.connected(entry.attempt, this.#now() - entry.started)
          Deferred.doneUnsafe(entry.answer, exit)
          return
        }
        const cause = Exit.isFailure(exit)
          ? exit.cause
          : Cause.fail(exit.value.ended ?? LinkErrors.closed(entry.target))
        const failed = this.#failed(entry, cause, timeout)
        yield* Effect.timeoutOption(Fiber.await(this.#run(running(this.#closings.add(scope, this.#now())))), deadline)
        if (failed) Deferred.doneUnsafe(entry.answer, Exit.failCause(failure(entry.target, cause)))
      }),
    )
  }

  /** Failed dials are never remembered. `false`: it was out of the map before, and whoever took it out has the answer. */
  #failed(entry: Entry<K, A, E>, cause: Cause.Cause<E | LinkError>, timeout: LinkError | undefined): boolean {
    if (Cause.hasDies(cause)) entry.report.bug(cause)
    if (!this.#remove(entry)) return false
    const error = Option.getOrUndefined(Cause.findErrorOption(cause))
    const result = error !== undefined && error === timeout ? "timeout" : Classify.classify(error)
    entry.report.failed(entry.attempt!, this.#now() - entry.started, result, Classify.describe(cause), null)
    entry.report.leave()
    return true
  }

  /** Whoever does not get the connection is no user of it. */
  #answered(entry: Entry<K, A, E>, restore: Restore): Effect.Effect<Generation<A>, E | LinkError> {
    return Effect.onError(restore(Deferred.await(entry.answer)), () => entry.release)
  }

  #unused(entry: Entry<K, A, E>): Effect.Effect<void> {
    if (entry.left) return Effect.void
    if (entry.generation === undefined || this.#idle === 0)
      return this.#end(entry, LinkErrors.lost(entry.target, "unused"))
    entry.expiresAt = this.#now() + this.#idle
    entry.expiry ??= this.#run(this.#expire(entry))
    return Effect.void
  }

  #expire(entry: Entry<K, A, E>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let left = this.#idle; left > 0; left = entry.expiresAt - this.#now()) yield* Effect.sleep(left)
      entry.expiry = undefined
      if (entry.refs === 0) yield* this.#end(entry, LinkErrors.lost(entry.target, "unused"))
    })
  }

  #gone(entry: Entry<K, A, E>, generation: Generation<A>, why: string, reason = Classify.reasonOf(why)): void {
    const error = LinkErrors.lost(entry.target, why)
    if (entry.generation === generation) this.#run(this.#end(entry, error, reason, why))
    else generation.end(error)
  }

  #remove(entry: Entry<K, A, E>): boolean {
    if (entry.left) return false
    entry.left = true
    MutableHashMap.remove(this.#entries, entry.key)
    return true
  }

  /**
   * Out of the map at once, so that nobody gets it from here on. The answer is to be run: it tells the users, stops the dial, closes
   * the connection. `reason` is for what is a loss to its holders.
   */
  #end(entry: Entry<K, A, E>, error: LinkError, reason?: Reason, why = ""): Effect.Effect<void> {
    if (!this.#remove(entry)) return Effect.void
    const { dialling, generation, report } = entry
    entry.expiry?.interruptUnsafe()
    if (generation === undefined) {
      if (entry.attempt !== undefined) {
        report.gaveUp(entry.attempt, this.#now() - entry.started)
        if (dialling !== undefined) this.#stops(entry.key, dialling)
      }
      report.leave()
      return Effect.suspend(() => {
        dialling?.interruptUnsafe()
        Deferred.doneUnsafe(entry.answer, Effect.fail(error))
        return dialling === undefined ? Effect.void : Effect.asVoid(Fiber.await(dialling))
      })
    }
    generation.end(error)
    if (reason !== undefined) report.lost(reason, why, this.#now() - generation.readyAt)
    report.leave()
    const close = this.#closings.add(generation.scope, this.#now())
    return Effect.suspend(() => {
      generation.dismiss()
      return running(close)
    })
  }

  #stops(key: K, dialling: Fiber.Fiber<void>): void {
    MutableHashMap.set(this.#stopping, key, dialling)
    dialling.addObserver(() => {
      if (Option.getOrUndefined(MutableHashMap.get(this.#stopping, key)) === dialling)
        MutableHashMap.remove(this.#stopping, key)
    })
  }

  #now(): number {
    return Monotonic.millis(this.#clock)
  }

  #name(key: K): string {
    return this.#options.target?.(key) ?? String(key)
  }

  #run<B>(effect: Effect.Effect<B>): Fiber.Fiber<B> {
    return Effect.runForkWith(this.#context)(effect)
  }
}

type Reason = typeof EventSchema.Reason.Type
type Restore = <B, X, R>(effect: Effect.Effect<B, X, R>) => Effect.Effect<B, X, R>

const lend = <K, A, E>(scope: Scope.Scope, entry: Entry<K, A, E>, generation: Generation<A>): Effect.Effect<A> =>
  Effect.as(Scope.addFinalizer(scope, entry.release), generation.connection)

const running = (close: Close): Effect.Effect<void> => Effect.suspend(() => close() ?? Effect.void)
