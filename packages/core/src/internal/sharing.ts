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
import type { LinkMap, Options } from "../LinkMap.ts"
import * as Classify from "./classify.ts"
import { dial } from "./dial.ts"
import type { Generation } from "./generation.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"
import { Reporter } from "./reporter.ts"

/** A key's connection, from the first `get` on. */
class Entry<A, E> {
  readonly target: string
  readonly report: Reporter
  readonly answer = Deferred.makeUnsafe<Generation<A>, E | LinkError>()
  /** One user fewer. */
  readonly release: Effect.Effect<void>
  /** Takes it out of the map; `false` when it was out. */
  readonly remove: () => boolean
  refs = 0
  generation: Generation<A> | undefined
  dialling: Fiber.Fiber<void> | undefined
  /** When an unused connection closes, and the fiber that waits for it. */
  expiresAt = 0
  expiry: Fiber.Fiber<void> | undefined

  constructor(
    at: { readonly context: Context.Context<never>; readonly program: string; readonly target: string },
    remove: (self: Entry<A, E>) => boolean,
    unused: (self: Entry<A, E>) => Effect.Effect<void>,
  ) {
    this.target = at.target
    this.report = new Reporter(at.context, at, this)
    this.remove = () => remove(this)
    this.release = Effect.suspend(() => (--this.refs > 0 ? Effect.void : unused(this)))
  }

  /** Out of the map and of the lists; `false` when it was out. */
  leave(): boolean {
    if (!this.remove()) return false
    this.report.leave()
    return true
  }
}

/** An empty map. */
export class Sharing<K, A, E, R> implements LinkMap<K, A, E> {
  readonly #options: Options<K, A, E, R>
  readonly #context: Context.Context<Exclude<R, Scope.Scope>>
  readonly #clock: Clock.Clock
  readonly #idle: number
  readonly #entries = MutableHashMap.empty<K, Entry<A, E>>()
  readonly #closing = new Set<Fiber.Fiber<void>>()
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
        entry.refs++
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
        entry.refs++
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
      const why = options?.why ?? "retired"
      if (entry.generation !== undefined)
        entry.report.lost("local", why, this.#clock.currentTimeMillisUnsafe() - entry.generation.readyAt)
      return Effect.as(this.#end(entry, LinkErrors.lost(entry.target, why)), true)
    }).pipe(Effect.uninterruptible)

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#closed = true
      const ending = Array.from(this.#entries, ([, entry]) => this.#end(entry, LinkErrors.closed(entry.target)))
      return Effect.andThen(
        Effect.all(ending, { concurrency: "unbounded", discard: true }),
        Effect.suspend(() => Effect.forEach([...this.#closing], Fiber.await, { discard: true })),
      )
    })
  }

  #entry(key: K): Entry<A, E> {
    const found = MutableHashMap.get(this.#entries, key)
    if (Option.isSome(found)) return found.value
    const entry = new Entry<A, E>(
      { context: this.#context, program: this.#options.program ?? "app", target: this.#name(key) },
      (self) => {
        if (Option.getOrUndefined(MutableHashMap.get(this.#entries, key)) !== self) return false
        MutableHashMap.remove(this.#entries, key)
        return true
      },
      (self) => this.#unused(self),
    )
    MutableHashMap.set(this.#entries, key, entry)
    entry.report.moved("Connecting")
    const dialling = this.#run(this.#dial(key, entry))
    if (dialling.pollUnsafe() === undefined) {
      entry.dialling = dialling
      dialling.addObserver(() => (entry.dialling = undefined))
    }
    return entry
  }

  #dial(key: K, entry: Entry<A, E>): Effect.Effect<void> {
    const scope = Scope.makeUnsafe()
    let timeout: LinkError | undefined
    const started = this.#clock.currentTimeMillisUnsafe()
    const { connect, connectTimeout, lost } = this.#options
    const attempting = dial(
      {
        connect: Effect.suspend(() => connect(key)),
        lost,
        connectTimeout,
        context: this.#context,
        timeout: () => Effect.fail((timeout = LinkErrors.connectTimeout(entry.target))),
        gone: (generation, why, reason) => this.#gone(entry, generation, why, reason),
        run: (effect) => void this.#run(effect),
      },
      scope,
    )
    const attempt = entry.report.connecting()
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const exit = yield* Effect.exit(restore(attempting))
        const now = this.#clock.currentTimeMillisUnsafe()
        if (Exit.isSuccess(exit) && exit.value.ended === undefined && !Deferred.isDoneUnsafe(entry.answer)) {
          exit.value.readyAt = now
          entry.generation = exit.value
          entry.report.connected(attempt, now - started)
          entry.report.moved("Ready")
          Deferred.doneUnsafe(entry.answer, exit)
          return
        }
        if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
          const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          const result = error !== undefined && error === timeout ? "timeout" : Classify.classify(error)
          entry.report.failed(attempt, now - started, result, Classify.describe(exit.cause), null)
          if (Cause.hasDies(exit.cause)) entry.report.bug(exit.cause)
        }
        entry.leave()
        yield* Scope.close(scope, Exit.void)
        Deferred.doneUnsafe(
          entry.answer,
          Exit.isSuccess(exit) ? Effect.fail(exit.value.ended ?? LinkErrors.closed(entry.target)) : exit,
        )
      }),
    )
  }

  /** Whoever does not get the connection is no user of it. */
  #answered(entry: Entry<A, E>, restore: Restore): Effect.Effect<Generation<A>, E | LinkError> {
    return Effect.onError(restore(Deferred.await(entry.answer)), () => entry.release)
  }

  #unused(entry: Entry<A, E>): Effect.Effect<void> {
    if (entry.generation?.ended !== undefined) return Effect.void
    if (entry.generation === undefined || this.#idle === 0)
      return this.#end(entry, LinkErrors.lost(entry.target, "unused"))
    entry.expiresAt = this.#clock.currentTimeMillisUnsafe() + this.#idle
    entry.expiry ??= this.#run(this.#expire(entry))
    return Effect.void
  }

  #expire(entry: Entry<A, E>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let left = this.#idle; left > 0; left = entry.expiresAt - this.#clock.currentTimeMillisUnsafe()) {
        yield* Effect.sleep(left)
      }
      entry.expiry = undefined
      if (entry.refs === 0) yield* this.#end(entry, LinkErrors.lost(entry.target, "unused"))
    })
  }

  #gone(entry: Entry<A, E>, generation: Generation<A>, why: string, reason = Classify.reasonOf(why)): void {
    if (!generation.end(LinkErrors.lost(entry.target, why)) || entry.generation !== generation) return
    entry.report.lost(reason, why, this.#clock.currentTimeMillisUnsafe() - generation.readyAt)
    entry.leave()
    const closing = this.#run(Scope.close(generation.scope, Exit.void))
    this.#closing.add(closing)
    closing.addObserver(() => this.#closing.delete(closing))
  }

  /** Out of the map, its users told, its dial stopped, its connection closed. */
  #end(entry: Entry<A, E>, error: LinkError): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!entry.leave()) return Effect.void
      entry.expiry?.interruptUnsafe()
      if (entry.generation !== undefined) {
        entry.generation.end(error)
        return Scope.close(entry.generation.scope, Exit.void)
      }
      Deferred.doneUnsafe(entry.answer, Effect.fail(error))
      return entry.dialling === undefined ? Effect.void : Fiber.interrupt(entry.dialling)
    })
  }

  #name(key: K): string {
    return this.#options.target?.(key) ?? String(key)
  }

  #run<B>(effect: Effect.Effect<B>): Fiber.Fiber<B> {
    return Effect.runForkWith(this.#context)(effect)
  }
}

type Restore = <B, X, R>(effect: Effect.Effect<B, X, R>) => Effect.Effect<B, X, R>

const lend = <A, E>(scope: Scope.Scope, entry: Entry<A, E>, generation: Generation<A>): Effect.Effect<A> =>
  Effect.as(Scope.addFinalizer(scope, entry.release), generation.connection)
