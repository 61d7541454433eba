/**
 * The state machine of one link. A fiber runs only while it dials, waits to dial, or drains what it replaced.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Connectivity from "../Connectivity.ts"
import type { Link, Options } from "../Link.ts"
import { Broadcast } from "./broadcast.ts"
import * as Classify from "./classify.ts"
import { Closings, hangUp } from "./closings.ts"
import { dial, failure } from "./dial.ts"
import * as Ending from "./ending.ts"
import type { Generation } from "./generation.ts"
import * as LinkErrors from "./linkError.ts"
import type { LinkError } from "./linkError.ts"
import * as Monotonic from "./monotonic.ts"
import { Pacer } from "./pacer.ts"
import { Patience } from "./patience.ts"
import { Reporter } from "./reporter.ts"
import { judge, lastError } from "./verdict.ts"
import { Waiters } from "./waiters.ts"

const millis = (input: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(input))

/** A link that has not dialled yet, unless it is eager. There may be very many, so what is rarely needed is made when needed. */
export class Supervisor<A, E, R> implements Link<A, E> {
  readonly target: string
  readonly #options: Options<A, E, R>
  readonly #context: Context.Context<Exclude<R, Scope.Scope>>
  readonly #clock: Clock.Clock
  readonly #report: Reporter
  readonly #pacer: Pacer<E | LinkError>
  readonly #broadcast = new Broadcast<Connectivity.State>()
  #waiters: Waiters | undefined
  #closings: Closings | undefined
  #draining: Set<Generation<A>> | undefined
  #state: Connectivity.State = "Idle"
  #current: Generation<A> | undefined
  #failure: Cause.Cause<E | LinkError> | undefined
  #flap: LinkError | undefined
  #patient = 0
  /** Somebody is to dial: waits for it, or does it, which is `#attempting`. */
  #dialling = false
  #attempting = false
  /** Of the worker, and of what it leaves behind. */
  #ending: Ending.Ending | undefined
  #resumed = false
  #downSince = 0
  /** Counts workers: one that has done its work may still be about to end when the next begins. */
  #turn = 0
  #worker: Fiber.Fiber<void> | undefined
  #cut: (() => void) | undefined

  constructor(options: Options<A, E, R>, context: Context.Context<Exclude<R, Scope.Scope>>) {
    this.target = options.target
    this.#options = options
    this.#context = context
    this.#clock = Context.get(context, Clock.Clock)
    this.#pacer = new Pacer(options, this.#clock)
    this.#report = new Reporter(context, options.program ?? "app", this.target, options.held === true)
    if (options.eager === true) this.begin()
  }

  readonly state = () => this.#state

  get subscribe() {
    return this.#broadcast.subscribe(this.state, () => this.#state === "Shutdown")
  }

  get get(): Effect.Effect<A, E | LinkError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.#hold(restore), (generation) =>
        Effect.as(
          Effect.flatMap(Effect.scope, (scope) =>
            Scope.addFinalizer(
              scope,
              Effect.sync(() => this.#release(generation)),
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
          Effect.sync(() => this.#release(generation)),
        ),
      ),
    )

  readonly reconnect = (why: string): Effect.Effect<void> =>
    Effect.sync(() => {
      if (this.#state === "Shutdown") return
      const current = this.#current
      if (current !== undefined && this.#isStable(current)) this.#pacer.reset()
      const hangUp = current === undefined || this.#options.handover === "make" ? undefined : this.#part(current, why)
      // An attempt that is under way is the answer to a wish for one, unless it is being given up.
      if (!this.#attempting || Ending.stops(this.#ending)) this.#pacer.skip()
      if (this.#current === undefined) {
        this.#downSince = this.#now()
        this.#move("Connecting")
      }
      if (hangUp !== undefined) this.#report.lost("local", why, this.#now() - current!.readyAt)
      hangUp?.()
      if (this.#pacer.asked) this.#resume()
    })

  /** Hangs up, for good. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const open = [...(this.#draining ?? []), ...(this.#current === undefined ? [] : [this.#current])]
      this.#current = undefined
      this.#draining = undefined
      this.#move("Shutdown")
      this.#broadcast.end()
      const worker = this.#worker
      const hangUp = open.map((generation) => this.#end(generation, LinkErrors.closed(this.target)))
      worker?.interruptUnsafe()
      for (const each of hangUp) each()
      const closed = Effect.suspend(() => this.#closings?.all ?? Effect.void)
      const stopped = worker === undefined ? closed : Effect.andThen(Fiber.await(worker), closed)
      return Effect.map(stopped, () => this.#report.leave())
    })
  }

  /** Something changed for whoever dials; if nobody does, somebody should. */
  #resume(): void {
    if (!this.#dialling) return this.begin()
    this.#resumed = !this.#attempting
    this.#cut?.()
  }

  /** Dials unless it does already, or has what it would dial for. */
  begin(): void {
    if (this.#dialling || this.#state === "Shutdown") return
    if (this.#current !== undefined && !this.#pacer.asked) return
    this.#dialling = true
    this.#ending = undefined
    this.#resumed = false
    if (this.#current === undefined) {
      this.#downSince = this.#now()
      if (this.#flap === undefined) this.#move("Connecting")
    }
    const turn = ++this.#turn
    const worker = this.#run(this.#work(turn))
    // Over already; the next may have begun on its last word.
    if (worker.pollUnsafe() !== undefined || turn !== this.#turn) return
    this.#worker = worker
    worker.addObserver(() => {
      if (this.#worker === worker) this.#worker = undefined
    })
  }

  // From loss to Ready, or until nothing will dial any more.
  #work(turn: number): Effect.Effect<void> {
    const dialling = Effect.gen({ self: this }, function* () {
      while ((yield* this.#paced) && (yield* this.#attempt));
    })
    // A backoff, `classify` or `isRetryable` that throws parks the link; that must be seen.
    const bug = (defect: unknown) => Effect.sync(() => this.#report.bug(Cause.die(defect)))
    const seen = Effect.tapDefect(dialling, bug)
    const rest = Effect.sync(() => this.#rest(turn))
    return Effect.ensuring(
      this.#options.giveUpAfter === undefined ? seen : Effect.raceFirst(seen, this.#tooLong()),
      Effect.catchDefect(rest, bug),
    )
  }

  /** A worker ends: without a connection the link is parked, unless somebody wants another dial. */
  #rest(turn: number): void {
    if (turn !== this.#turn || !this.#dialling) return
    this.#dialling = false
    this.#attempting = false
    this.#cut = undefined
    if (this.#current === undefined) this.#move("TransientFailure")
    // Not meant for what is over: asked while it gave up, or lost when it had just found out that there is no use.
    if (this.#pacer.asked || this.#resumed) return this.begin()
    if (this.#state !== "TransientFailure" || this.#ending === "noUse") return
    this.#options.parked?.(lastError(this.target, this.#lastFailure))
  }

  get #giveUpAt(): number {
    const { giveUpAfter } = this.#options
    return giveUpAfter === undefined || this.#current !== undefined ? Infinity : this.#downSince + millis(giveUpAfter)
  }

  /** Ends when it has been without a connection for too long. */
  #tooLong(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const left = Math.min(this.#giveUpAt - this.#now(), millis(this.#options.giveUpAfter!))
      if (left > 0) return Effect.andThen(Effect.sleep(left), this.#tooLong())
      if (this.#ending !== "noUse") this.#ending = "tooLate"
      return Effect.void
    })
  }

  get #isLast(): boolean {
    return this.#options.redial === false || Ending.isFinal(this.#ending)
  }

  /** Waits until the next attempt may start; shorter when somebody hurries. `false`: there is none. */
  get #paced(): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      while (this.#ending !== "noUse") {
        this.#resumed = false
        const flap = this.#flap
        this.#flap = undefined
        if (flap !== undefined && !(yield* this.#pacer.failed(flap, false)) && !this.#pacer.asked) return false
        // What was hung up is closed before the next dial: some peers allow one connection.
        if (this.#closings !== undefined) yield* this.#closings.settled(this.#now())
        const wait = this.#pacer.due(this.#patient > 0) - this.#now()
        if (wait <= 0) return true
        const cut = Deferred.makeUnsafe<void>()
        this.#cut = () => void Deferred.doneUnsafe(cut, Exit.void)
        if (this.#current === undefined) this.#move("TransientFailure")
        yield* Effect.timeoutOption(Deferred.await(cut), wait)
      }
      return false
    })
  }

  // `true`: failed, and worth another try.
  get #attempt(): Effect.Effect<boolean> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.#state === "Shutdown" || Ending.stops(this.#ending)) return Effect.succeed(false)
      if (this.#flap !== undefined) return Effect.succeed(true)
      const scope = Scope.makeUnsafe()
      const started = this.#now()
      let late: LinkError | undefined
      const timeout = () => Effect.fail((late = LinkErrors.connectTimeout(this.target)))
      this.#pacer.began(started)
      this.#attempting = true
      this.#resumed = false
      if (this.#current === undefined) this.#move("Connecting")
      const attempt = this.#report.connecting()
      const { connect, connectTimeout } = this.#options
      let made: Generation<A> | undefined
      const attempting = dial({ connect, connectTimeout, timeout, reached: (it) => this.#reached((made = it)) }, scope)
      const settle = Effect.fnUntraced({ self: this }, function* (exit: Exit.Exit<Generation<A>, E | LinkError>) {
        const ended = Exit.isSuccess(exit) ? exit.value.ended : undefined
        if (Exit.isSuccess(exit) && ended === undefined && this.#state !== "Shutdown") {
          this.#install(exit.value, attempt, started)
          return false
        }
        this.#closings ??= new Closings()
        hangUp(this.#closings.add(scope, this.#now()), this.#context)
        yield* this.#closings.settled(this.#now())
        if (this.#state === "Shutdown") {
          this.#report.gaveUp(attempt, this.#now() - started)
          return false
        }
        let cause = Exit.isSuccess(exit) ? Cause.fail(ended ?? LinkErrors.closed(this.target)) : exit.cause
        if (Ending.stops(this.#ending) && Cause.hasInterruptsOnly(cause))
          cause = Cause.fail((late ??= LinkErrors.connectTimeout(this.target)))
        const more = yield* this.#failed(attempt, started, cause, late)
        if (made !== undefined) made.settled = true
        return more
      })
      return Effect.flatMap(Effect.exit(restore(attempting)), settle)
    })
  }

  // A function of its own, because what is registered here is kept as long as the connection lives.
  #reached(generation: Generation<A>): void {
    this.#options.lost?.(
      generation.connection,
      (why, reason, again) => this.#gone(generation, why, reason, again),
      (effect) => void this.#run(generation.fork(effect)),
    )
  }

  #install(generation: Generation<A>, attempt: number, started: number): void {
    const previous = this.#current
    const now = this.#now()
    generation.readyAt = now
    generation.settled = true
    this.#current = generation
    this.#failure = undefined
    this.#dialling = false
    this.#attempting = false
    if (previous !== undefined) this.#report.lost("local", "replaced", now - previous.readyAt)
    this.#move("Ready")
    this.#report.connected(attempt, now - started)
    if (previous !== undefined) this.#drain(previous)
  }

  #failed(
    attempt: number,
    started: number,
    cause: Cause.Cause<E | LinkError>,
    timeout: LinkError | undefined,
  ): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      // First, because what judges it may throw.
      this.#failure = failure(this.target, cause)
      const { error, isRetryable, mayHurry, result } = judge(this.#options, cause, timeout)
      const worthwhile = !this.#isLast && isRetryable()
      const now = this.#now()
      if (Cause.hasDies(cause)) this.#report.bug(cause)
      return Effect.map(worthwhile ? this.#pacer.failed(error, mayHurry) : Effect.succeed(false), (again) => {
        this.#attempting = false
        const due = Math.max(now, this.#pacer.due(false))
        // Also when the next attempt is due at once: who waited for this one gets its failure.
        if (this.#current === undefined) this.#move("TransientFailure")
        const more = (again && !this.#isLast) || this.#pacer.asked
        const retryIn = more && due < this.#giveUpAt ? due - now : null
        this.#report.failed(attempt, now - started, result, Classify.describe(cause), retryIn)
        return more
      })
    })
  }

  #gone(generation: Generation<A>, why: string, reason = Classify.reasonOf(why), again = true): void {
    if (generation.ended !== undefined) return
    if (!again && !generation.settled) this.#ending = "noUse"
    const current = this.#current === generation
    const hangUp = this.#part(generation, why)
    const { redial } = this.#options
    const redials = again && redial !== false
    // Not if somebody dials, or has been asked to: that is not because of this loss.
    const parks = !redials && !this.#attempting && !(this.#dialling && this.#pacer.asked)
    if (current) {
      const stable = this.#isStable(generation)
      const waits = redials && !this.#attempting && (!stable || redial === "paced")
      if (stable) this.#pacer.reset()
      if (waits && redial === "paced") this.#pacer.countFrom(this.#now())
      if (waits) this.#flap = generation.ended
      if (parks) this.#ending = "noUse"
      else if (!redials && this.#attempting) this.#ending ??= "lastTry"
      this.#move(parks || this.#flap !== undefined ? "TransientFailure" : "Connecting")
      this.#report.lost(reason, why, this.#now() - generation.readyAt)
    }
    const turn = this.#turn
    hangUp?.()
    // Unless whoever was told was faster.
    if (!current || turn !== this.#turn) return
    if (redials) this.#resume()
    else if (parks) this.#cut?.()
  }

  // Everything is in order when the answer is run, because that runs anybody's code. No answer for one that was never in service.
  #part(generation: Generation<A>, why: string): (() => void) | undefined {
    const error = LinkErrors.lost(this.target, why)
    if (this.#current === generation) {
      this.#current = undefined
      this.#failure = Cause.fail(error)
      this.#downSince = this.#now()
    } else if (this.#draining?.delete(generation) !== true) {
      generation.end(error)
      return undefined
    }
    return this.#end(generation, error)
  }

  #end(generation: Generation<A>, error: LinkError): () => void {
    generation.end(error)
    this.#closings ??= new Closings()
    const close = this.#closings.add(generation.scope, this.#now())
    return () => {
      generation.dismiss()
      hangUp(close, this.#context)
    }
  }

  /** After a handover: the old generation lives until nobody holds it, and not longer than `drain`. */
  #drain(generation: Generation<A>): void {
    const over = () => {
      if (this.#draining?.has(generation) === true) this.#part(generation, "replaced")?.()
    }
    this.#draining ??= new Set()
    this.#draining.add(generation)
    if (generation.holders === 0) return over()
    generation.onUnused = over
    const wait = Effect.andThen(Effect.sleep(this.#options.drain ?? "10 seconds"), Effect.sync(over))
    this.#run(Effect.forkIn(wait, generation.scope, { startImmediately: true }))
  }

  // Synchronous from the look at `#current` to the count, so that no loss comes between.
  #hold(restore: Restore, until?: number): Effect.Effect<Generation<A>, E | LinkError> {
    return Effect.withFiber((fiber) => {
      if (this.#state === "Idle") this.begin()
      const generation = this.#current
      if (generation !== undefined) {
        generation.holders++
        this.#report.held(1)
        return Effect.succeed(generation)
      }
      if (this.#state === "Shutdown") return Effect.fail(LinkErrors.closed(this.target))
      const patience = fiber.getRef(Patience)
      const now = this.#now()
      this.#waiters ??= new Waiters()
      if (patience > 0) {
        const end = until ?? now + patience
        if (until !== undefined && now >= end) return this.#why
        return Effect.andThen(this.#eventually(restore, this.#waiters, end - now), this.#hold(restore, end))
      }
      // The end of the dial in progress is the answer, also if another one is in progress by now.
      if (this.#state === "TransientFailure" || until !== undefined) return this.#why
      const settled = this.#waiters.until(() => this.#state !== "Connecting")
      return Effect.andThen(restore(settled), this.#hold(restore, now))
    })
  }

  #release(generation: Generation<A>): void {
    this.#report.held(-1)
    generation.release()
  }

  /** Ready, or the end of patience; meanwhile the pacer hurries. */
  #eventually(restore: Restore, waiters: Waiters, patience: number): Effect.Effect<void, E | LinkError> {
    return Effect.suspend(() => {
      this.#patient++
      this.#cut?.()
      const ready = waiters.until(() => this.#state === "Ready" || this.#state === "Shutdown")
      return Effect.ensuring(
        restore(Effect.timeoutOrElse(ready, { duration: patience, orElse: () => this.#why })),
        Effect.sync(() => this.#patient--),
      )
    })
  }

  get #why(): Effect.Effect<never, E | LinkError> {
    return Effect.suspend(() => Effect.failCause(this.#lastFailure))
  }

  /** Without any, patience ran out during the first dial. */
  get #lastFailure(): Cause.Cause<E | LinkError> {
    return this.#failure ?? Cause.fail(LinkErrors.connectTimeout(this.target))
  }

  #move(next: Connectivity.State): void {
    if (this.#state === next || this.#state === "Shutdown") return
    this.#report.moved(next)
    this.#state = next
    this.#broadcast.send(next)
    this.#waiters?.look()
  }

  #isStable(generation: Generation<A>): boolean {
    return this.#now() - generation.readyAt >= millis(this.#options.stableAfter ?? "10 seconds")
  }

  #now(): number {
    return Monotonic.millis(this.#clock)
  }

  #run<B>(effect: Effect.Effect<B>): Fiber.Fiber<B> {
    return Effect.runForkWith(this.#context)(effect)
  }
}

type Restore = <B, X, R>(effect: Effect.Effect<B, X, R>) => Effect.Effect<B, X, R>
