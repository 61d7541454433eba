/**
 * A machine of the virtual network: what runs on it, what listens on it, what is left of it after a crash, and what time it thinks it is.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { Connection, Protocol } from "./networkConnection.ts"
import type { End, Machine } from "./networkEnd.ts"
import type { Loop } from "./networkLoop.ts"
import { Here } from "./record.ts"

/** Who takes connections of a port. */
export interface Listener {
  readonly protocol: Protocol
  readonly accept: (connection: Connection) => End
}

/** From a start to a crash. */
interface Life {
  readonly fibers: Set<Fiber.Fiber<unknown, unknown>>
  readonly scopes: Set<Scope.Closeable>
  readonly memo: Layer.MemoMap
  over: boolean
}

/** What a machine has to do with the run. */
export interface Ground {
  readonly loop: Loop
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
  /** Runs what cleans up, for nobody in particular. */
  readonly fork: (effect: Effect.Effect<unknown>) => void
}

/** A machine. */
export class Host implements Machine {
  readonly name: string
  readonly loop: Loop
  readonly disk = new Map<string, unknown>()
  readonly listeners = new Map<number, Listener>()
  readonly ends = new Set<End>()
  readonly #ground: Ground
  readonly #booting = new Set<() => void>()
  #life = newLife()
  // Why it is down, or paused: each is over for itself.
  readonly #crashes = new Set<object>()
  readonly #pauses = new Set<object>()
  #stalled = 0
  #late: Array<() => void> = []
  /** The time of day is this much off, and runs so fast since then. */
  #wall = { offset: 0, rate: 1, since: 0 }

  constructor(name: string, ground: Ground) {
    this.name = name
    this.#ground = ground
    this.loop = {
      now: ground.loop.now,
      after: (millis, run) => {
        const life = this.#life
        return ground.loop.after(millis, () => this.#act(life, run))
      },
    }
  }

  get isUp(): boolean {
    return !this.#life.over
  }
  act(run: () => void): void {
    this.#act(this.#life, run)
  }
  reads(): boolean {
    return this.#pauses.size === 0 && this.#stalled === 0 && !this.#life.over
  }

  /** Its fibers and connections die. At the end, which is the answer, it starts again, unless it has crashed for other reasons, too. */
  crash(keepState: boolean): () => void {
    if (!keepState) this.disk.clear()
    const crash = {}
    this.#crashes.add(crash)
    this.#die(this.#life)
    return () => {
      if (this.#crashes.delete(crash) && this.#crashes.size === 0) this.restart()
    }
  }
  #die(life: Life): void {
    if (life.over) return
    life.over = true
    for (const end of this.ends) end.abort()
    this.ends.clear()
    // Who is stopped for ever is not paused any more, and what has to clean up does so.
    this.#pauses.clear()
    this.#flush()
    for (const fiber of life.fibers) fiber.interruptUnsafe()
    for (const scope of life.scopes) this.#ground.fork(Scope.close(scope, Exit.interrupt()))
  }
  /** Whatever it has crashed for. */
  restart(): void {
    this.#crashes.clear()
    if (!this.#life.over) return
    this.#life = newLife()
    const booting = [...this.#booting]
    this.#booting.clear()
    for (const boot of booting) boot()
  }
  /** At the end, which is the answer, it goes on, unless it is paused for other reasons, too. */
  pause(): () => void {
    const pause = {}
    this.#pauses.add(pause)
    return () => {
      if (this.#pauses.delete(pause) && this.#pauses.size === 0) this.resume()
    }
  }
  /** Whatever it is paused for. */
  resume(): void {
    this.#pauses.clear()
    this.#flush()
    this.#wake()
  }
  /** The answer ends it. */
  stall(): () => void {
    this.#stalled++
    return () => {
      this.#stalled--
      this.#wake()
    }
  }
  /** The time of day jumps and goes on at another speed. */
  setWall(jump: number, rate: number): void {
    const now = this.#ground.loop.now()
    this.#wall = { offset: this.#wallAt(now) - now + jump, rate: this.#wall.rate * rate, since: now }
  }

  /** Runs it here; a crash interrupts it, and the next start begins it anew. */
  readonly run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen({ self: this }, function* (this: Host) {
      while (true) {
        yield* this.#started()
        const life = this.#life
        const exit = yield* Effect.exit(this.#live(life, effect))
        if (!life.over || Exit.isSuccess(exit)) return yield* exit
      }
    })

  /** Runs it here as long as this life lasts, at most. */
  fork<R>(context: Context.Context<R>, effect: Effect.Effect<unknown, never, R>): Fiber.Fiber<unknown> {
    const life = this.#life
    const fiber = Effect.runForkWith(this.#context(life, context))(effect)
    life.fibers.add(fiber)
    fiber.addObserver(() => life.fibers.delete(fiber))
    return fiber
  }

  #live<A, E, R>(life: Life, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* (this: Host) {
        const outer = yield* Effect.context<R>()
        // A scope of its own: what the program acquires must not outlive this life.
        const parent = Context.getOrUndefined(outer, Scope.Scope)
        const scope = parent === undefined ? undefined : Scope.forkUnsafe(parent)
        const context = this.#context(life, outer)
        const own = scope === undefined ? context : Context.add(context, Scope.Scope, scope)
        const fiber = yield* Effect.forkDetach(restore(Effect.provideContext(effect, own)))
        life.fibers.add(fiber)
        const exit = yield* restore(Fiber.await(fiber)).pipe(Effect.onInterrupt(() => Fiber.interrupt(fiber)))
        life.fibers.delete(fiber)
        if (scope !== undefined && life.over) yield* Scope.close(scope, exit)
        else if (scope !== undefined) life.scopes.add(scope)
        return yield* exit
      }),
    )
  }
  #context<R>(life: Life, outer: Context.Context<R>): Context.Context<R> {
    return outer.pipe(
      Context.add(Scheduler.Scheduler, this.#scheduler),
      Context.add(Clock.Clock, this.#clock),
      Context.add(Layer.CurrentMemoMap, life.memo),
      Context.add(Here, this.name),
    )
  }
  #started(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.isUp) return resume(Effect.void)
      const boot = () => resume(Effect.void)
      this.#booting.add(boot)
      return Effect.sync(() => this.#booting.delete(boot))
    })
  }

  #act(life: Life, run: () => void): void {
    if (life.over) return
    if (this.#pauses.size > 0) this.#late.push(() => this.#act(life, run))
    else run()
  }
  #flush(): void {
    const late = this.#late
    this.#late = []
    for (const run of late) this.#ground.loop.after(0, run)
  }
  #wake(): void {
    if (this.reads()) for (const end of this.ends) this.loop.after(0, () => end.wake())
  }
  #wallAt(now: number): number {
    const { offset, rate, since } = this.#wall
    return since + offset + (now - since) * rate
  }

  // Fibers of a paused host get as far as their next operation.
  get #scheduler(): Scheduler.Scheduler {
    const { scheduler } = this.#ground
    const dispatcher = scheduler.makeDispatcher()
    const own: Scheduler.SchedulerDispatcher = {
      scheduleTask: (task, priority) => {
        if (this.#pauses.size > 0) this.#late.push(() => dispatcher.scheduleTask(task, priority))
        else dispatcher.scheduleTask(task, priority)
      },
      flush: () => dispatcher.flush(),
    }
    return {
      executionMode: scheduler.executionMode,
      shouldYield: (fiber) => scheduler.shouldYield(fiber) || this.#pauses.size > 0,
      makeDispatcher: () => own,
    }
  }
  get #clock(): Clock.Clock {
    const { clock, loop } = this.#ground
    const millis = () => Math.floor(this.#wallAt(loop.now()))
    const nanos = () => BigInt(Math.round(this.#wallAt(loop.now()) * 1e6))
    return {
      ...clock,
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
    }
  }
}

const newLife = (): Life => ({
  fibers: new Set(),
  scopes: new Set(),
  memo: Layer.makeMemoMapUnsafe(),
  over: false,
})
