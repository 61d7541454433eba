/**
 * The state machine of one link. A fiber runs only while it dials, waits to dial, or drains what it replaced.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Backoff from "../Backoff.ts"
import type * as Connectivity from "../Connectivity.ts"
import type { Link, Options } from "../Link.ts"
import { Broadcast } from "./broadcast.ts"
import * as Classify from "./classify.ts"
import { dial, type Dialling } from "./dial.ts"
import type { Generation } from "./generation.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"
import { Pacer } from "./pacer.ts"
import { Patience } from "./patience.ts"
import { Reporter } from "./reporter.ts"

/** A peer whose connection does not finish closing holds up the next dial for this long, and no longer. */
const closeDeadline = "10 seconds"

const millis = (input: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(input))

const defaultBackoff = Backoff.grpc()

/** A link that has not dialled yet, unless it is eager. There may be very many, so what is rarely needed is made when needed. */
export class Supervisor<A, E, R> implements Link<A, E> {
  readonly target: string
  readonly #options: Options<A, E, R>
  readonly #context: Context.Context<Exclude<R, Scope.Scope>>
  readonly #clock: Clock.Clock
  readonly #report: Reporter
  readonly #pacer: Pacer<E | LinkError>
  readonly #broadcast = new Broadcast<Connectivity.State>()
  #waiters: Set<() => void> | undefined
  #closing: Set<Fiber.Fiber<void>> | undefined
  #draining: Set<Generation<A>> | undefined
  #state: Connectivity.State = "Idle"
  #current: Generation<A> | undefined
  #failure: Cause.Cause<E | LinkError> | undefined
  #flap: LinkError | undefined
  #patient = 0
  #dialling = false
  #worker: Fiber.Fiber<void> | undefined
  #cut: (() => void) | undefined

  constructor(options: Options<A, E, R>, context: Context.Context<Exclude<R, Scope.Scope>>) {
    this.target = options.target
    this.#options = options
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#pacer = new Pacer(options.backoff ?? defaultBackoff, options.hurry ?? "250 millis")
    this.#report = new Reporter(context, { ...options, program: options.program ?? "app" }, this)
    if (options.eager === true) this.begin()
  }

  get refs(): number {
    return this.#current?.holders ?? 0
  }

  readonly state = () => this.#state

  get subscribe() {
    return Effect.suspend(() => this.#broadcast.subscribe(this.#state, this.#state === "Shutdown"))
  }

  get get(): Effect.Effect<A, E | LinkError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.#hold(restore), (generation) =>
        Effect.as(
          Effect.flatMap(Effect.scope, (scope) =>
            Scope.addFinalizer(
              scope,
              Effect.sync(() => generation.release()),
            ),
          ),
          generation.connection,
        ),
      ),
    )
  }

  readonly use = <B, E2, R>(f: (connection: A) => Effect.Effect<B, E2, R>): Effect.Effect<B, E | E2 | LinkError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.#hold(restore), (generation) =>
        Effect.ensuring(
          restore(generation.guard(Effect.suspend(() => f(generation.connection)))),
          Effect.sync(() => generation.release()),
        ),
      ),
    )

  readonly reconnect = (why: string): Effect.Effect<void> =>
    Effect.sync(() => {
      if (this.#state === "Shutdown") return
      const current = this.#current
      if (current !== undefined) {
        if (this.#isStable(current)) this.#pacer.reset()
        if (this.#options.handover !== "make") this.#hangUp(current, why)
      }
      this.#pacer.skip()
      this.#cut?.()
      this.begin()
    })

  /** Hangs up, for good. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const open = [...(this.#draining ?? []), ...(this.#current === undefined ? [] : [this.#current])]
      this.#current = undefined
      this.#draining = undefined
      this.#move("Shutdown")
      this.#broadcast.end()
      for (const generation of open) {
        generation.end(LinkErrors.closed(this.target))
        this.#closeScope(generation.scope)
      }
      const worker = this.#worker
      return Effect.gen({ self: this }, function* () {
        if (worker !== undefined) yield* Fiber.interrupt(worker)
        yield* Effect.forEach(this.#closing ?? [], Fiber.await, { discard: true })
        this.#report.leave()
      })
    })
  }

  /** Dials unless it does already. */
  begin(): void {
    if (this.#dialling || this.#state === "Shutdown") return
    this.#dialling = true
    const worker = this.#run(this.#work)
    worker.addObserver(() => {
      if (this.#worker === worker) this.#worker = undefined
    })
    if (this.#dialling) this.#worker = worker
  }

  // From loss to Ready, or until nothing will dial any more.
  get #work(): Effect.Effect<void> {
    const { giveUpAfter } = this.#options
    const dialling = Effect.gen({ self: this }, function* () {
      yield* this.#closed
      const flap = this.#flap
      this.#flap = undefined
      if (flap !== undefined && !(yield* this.#pacer.failed(flap, this.#now(), false))) return
      for (let again = true; again;) {
        yield* this.#due()
        again = yield* this.#attempt
      }
    })
    const bounded = giveUpAfter === undefined ? dialling : Effect.raceFirst(dialling, Effect.sleep(millis(giveUpAfter)))
    return Effect.ensuring(
      bounded,
      Effect.sync(() => {
        this.#dialling = false
        if (this.#current === undefined) this.#move("TransientFailure")
      }),
    )
  }

  /** Waits until the next attempt may start; shorter when somebody hurries. */
  #due(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const wait = this.#pacer.due(this.#patient > 0) - this.#now()
      if (wait <= 0) return Effect.void
      if (this.#current === undefined) this.#move("TransientFailure")
      const cut = Effect.callback<void>((resume) => {
        this.#cut = () => resume(Effect.void)
      })
      return Effect.andThen(
        Effect.ensuring(
          Effect.raceFirst(Effect.sleep(wait), cut),
          Effect.sync(() => (this.#cut = undefined)),
        ),
        this.#due(),
      )
    })
  }

  // `true`: failed, and worth another try.
  get #attempt(): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const scope = Scope.makeUnsafe()
      const started = this.#now()
      let late: LinkError | undefined
      const timeout = () => Effect.fail((late = LinkErrors.connectTimeout(this.target)))
      this.#pacer.began(started)
      if (this.#current === undefined) this.#move("Connecting")
      const attempt = this.#report.connecting()
      const { connect, connectTimeout, lost } = this.#options
      const gone: Dialling<A, E, R>["gone"] = (generation, why, reason) => this.#gone(generation, why, reason)
      const run = (effect: Effect.Effect<unknown>) => void this.#run(effect)
      const attempting = dial({ connect, context: this.#context, lost, connectTimeout, timeout, gone, run }, scope)
      const settle = Effect.fnUntraced({ self: this }, function* (exit: Exit.Exit<Generation<A>, E | LinkError>) {
        if (Exit.isSuccess(exit) && exit.value.ended === undefined && this.#state !== "Shutdown") {
          this.#report.connected(attempt, this.#now() - started)
          this.#install(exit.value)
          return false
        }
        yield* Scope.close(scope, Exit.void)
        if (this.#state === "Shutdown") return false
        const cause = Exit.isSuccess(exit) ? Cause.fail(exit.value.ended ?? LinkErrors.closed(this.target)) : exit.cause
        return yield* this.#failed(attempt, started, cause, late)
      })
      return Effect.uninterruptibleMask((restore) => Effect.flatMap(Effect.exit(restore(attempting)), settle))
    })
  }

  #install(generation: Generation<A>): void {
    const previous = this.#current
    generation.readyAt = this.#now()
    this.#current = generation
    this.#failure = undefined
    this.#dialling = false
    if (previous !== undefined) this.#drain(previous)
    this.#move("Ready")
  }

  #failed(
    attempt: number,
    started: number,
    cause: Cause.Cause<E | LinkError>,
    timeout: LinkError | undefined,
  ): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      const own = error === undefined || error === timeout || error instanceof LinkErrors.LinkError
      const { classify = Classify.classify, isRetryable = () => true } = this.#options
      // Our own errors are never the dial's: `timeout` is compared by identity, a `LinkError` says that the connection was lost.
      const result = own && error !== undefined && error === timeout ? "timeout" : own ? "other" : classify(error as E)
      const worthwhile = this.#options.redial !== false && (own || isRetryable(error as E))
      const now = this.#now()
      const input = error ?? LinkErrors.lost(this.target, Classify.describe(cause))
      this.#failure = error === undefined && Cause.hasInterrupts(cause) ? Cause.fail(input) : cause
      if (Cause.hasDies(cause)) this.#report.bug(cause)
      return Effect.map(
        worthwhile ? this.#pacer.failed(input, now, !own && hurryable.has(result)) : Effect.succeed(false),
        (again) => {
          const retryIn = again ? Math.max(0, this.#pacer.due(false) - now) : null
          this.#report.failed(attempt, now - started, result, Classify.describe(cause), retryIn)
          // Also when the next attempt is due at once: who waited for this one gets its failure.
          if (this.#current === undefined) this.#move("TransientFailure")
          return again
        },
      )
    })
  }

  #gone(generation: Generation<A>, why: string, reason = Classify.reasonOf(why)): void {
    const error = LinkErrors.lost(this.target, why)
    if (!generation.end(error)) return
    if (this.#draining?.delete(generation) === true) return this.#closeScope(generation.scope)
    if (this.#current !== generation) return
    this.#current = undefined
    this.#report.lost(reason, why, this.#now() - generation.readyAt)
    this.#failure = Cause.fail(error)
    if (this.#isStable(generation)) this.#pacer.reset()
    else if (!this.#dialling) this.#flap = error
    this.#closeScope(generation.scope)
    if (this.#options.redial === false) return this.#move("TransientFailure")
    this.#move(this.#flap === undefined ? "Connecting" : "TransientFailure")
    this.begin()
  }

  #hangUp(generation: Generation<A>, why: string): void {
    this.#current = undefined
    generation.end(LinkErrors.lost(this.target, why))
    this.#report.lost("local", why, this.#now() - generation.readyAt)
    this.#closeScope(generation.scope)
    this.#move("Connecting")
  }

  /** After a handover: the old generation lives until nobody holds it, and not longer than `drain`. */
  #drain(generation: Generation<A>): void {
    this.#report.lost("local", "replaced", this.#now() - generation.readyAt)
    const over = () => {
      if (this.#draining?.delete(generation) !== true) return
      generation.end(LinkErrors.lost(this.target, "replaced"))
      this.#closeScope(generation.scope)
    }
    this.#draining ??= new Set()
    this.#draining.add(generation)
    if (generation.holders === 0) return over()
    generation.onUnused = over
    const wait = Effect.andThen(Effect.sleep(this.#options.drain ?? "10 seconds"), Effect.sync(over))
    this.#run(Effect.forkIn(wait, generation.scope))
  }

  #closeScope(scope: Scope.Closeable): void {
    const closing = this.#run(Scope.close(scope, Exit.void))
    this.#closing ??= new Set()
    this.#closing.add(closing)
    closing.addObserver(() => this.#closing?.delete(closing))
  }

  /** What was hung up is closed before the next dial: some peers allow one connection. */
  get #closed(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.#closing === undefined || this.#closing.size === 0
        ? Effect.void
        : Effect.forEach([...this.#closing], Fiber.await, { discard: true }).pipe(
            Effect.timeoutOption(closeDeadline),
            Effect.asVoid,
          ),
    )
  }

  // Synchronous from the look at `#current` to the count, so that no loss comes between.
  #hold(restore: Restore): Effect.Effect<Generation<A>, E | LinkError> {
    return Effect.withFiber((fiber) => {
      if (this.#state === "Idle") this.begin()
      const generation = this.#current
      if (generation !== undefined) {
        generation.holders++
        return Effect.succeed(generation)
      }
      if (this.#state === "Shutdown") return Effect.fail(LinkErrors.closed(this.target))
      const patience = fiber.getRef(Patience)
      if (this.#state === "TransientFailure" && patience === 0) return this.#why
      return Effect.andThen(restore(patience === 0 ? this.#settled : this.#eventually(patience)), this.#hold(restore))
    })
  }

  /** The end of the dial in progress; its failure is the answer. */
  get #settled(): Effect.Effect<void, E | LinkError> {
    return this.#change((state) => {
      if (state === "Connecting") return undefined
      return state === "TransientFailure" ? this.#why : Effect.void
    })
  }

  /** Ready, or the end of patience; meanwhile the pacer hurries. */
  #eventually(patience: number): Effect.Effect<void, E | LinkError> {
    return Effect.suspend(() => {
      this.#patient++
      this.#cut?.()
      const ready = this.#change((state) => (state === "Ready" || state === "Shutdown" ? Effect.void : undefined))
      return Effect.timeoutOrElse(ready, { duration: patience, orElse: () => this.#why })
    }).pipe(Effect.ensuring(Effect.sync(() => this.#patient--)))
  }

  /** The last failure; without any, patience ran out during the first dial. */
  get #why(): Effect.Effect<never, E | LinkError> {
    return Effect.suspend(() =>
      this.#failure === undefined
        ? Effect.fail(LinkErrors.connectTimeout(this.target))
        : Effect.failCause(this.#failure),
    )
  }

  #change<X>(answer: (state: Connectivity.State) => Effect.Effect<void, X> | undefined): Effect.Effect<void, X> {
    return Effect.callback((resume) => {
      const look = () => {
        const found = answer(this.#state)
        if (found === undefined) return false
        this.#waiters?.delete(look)
        resume(found)
        return true
      }
      if (look()) return
      this.#waiters ??= new Set()
      this.#waiters.add(look)
      return Effect.sync(() => this.#waiters?.delete(look))
    })
  }

  #move(next: Connectivity.State): void {
    if (this.#state === next || this.#state === "Shutdown") return
    this.#report.moved(next)
    this.#state = next
    this.#broadcast.send(next)
    if (this.#waiters !== undefined) for (const look of Array.from(this.#waiters)) look()
  }

  #isStable(generation: Generation<A>): boolean {
    return this.#now() - generation.readyAt >= millis(this.#options.stableAfter ?? "10 seconds")
  }

  #now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  #run<B>(effect: Effect.Effect<B>): Fiber.Fiber<B> {
    return Effect.runForkWith(this.#context)(effect)
  }
}

type Restore = <B, X, R>(effect: Effect.Effect<B, X, R>) => Effect.Effect<B, X, R>

/** After these another dial may help at once; a peer that is silent or that hangs up wants to be left alone. */
const hurryable: ReadonlySet<string> = new Set(["refused", "dns", "other"])
