/**
 * When the next attempt may start: the backoff's delays, counted from the start of the attempt before, and what a hurry may cut.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Backoff from "../Backoff.ts"

/** The options of a link that are about its pace; looked at when they are needed. */
export interface Pace<in I> {
  readonly backoff?: Schedule.Schedule<unknown, I> | undefined
  readonly hurry?: Duration.Input | undefined
}

const defaultBackoff = Backoff.grpc()

/** The pace of one link. */
export class Pacer<in I> {
  readonly #of: Pace<I>
  readonly #clock: Clock.Clock
  #step: Step<I> | undefined
  #lastStart = Number.NEGATIVE_INFINITY
  #due = Number.NEGATIVE_INFINITY
  #mayHurry = false
  #asked = false

  constructor(of: Pace<I>, clock: Clock.Clock) {
    this.#clock = clock // schedules go by the calendar: some mean a time of day
    this.#of = of
  }

  /** An attempt starts. */
  began(now: number): void {
    this.#lastStart = now
    this.#asked = false
  }

  /** Somebody asked for an attempt, and none has started since. */
  get asked(): boolean {
    return this.#asked
  }

  /** Delays count from now instead of the start of the last attempt. */
  countFrom(now: number): void {
    this.#lastStart = now
  }

  /** A stable connection forgets the past: the next attempt may start at once. */
  reset(): void {
    this.#step = undefined
    this.#due = Number.NEGATIVE_INFINITY
    this.#mayHurry = false
  }

  /** An attempt failed, or a connection did before it was stable. `false`: the backoff says not to dial again. */
  failed(input: I, mayHurry: boolean): Effect.Effect<boolean> {
    this.#mayHurry = mayHurry
    return Effect.gen({ self: this }, function* () {
      let step: Step<I>
      let delay: Duration.Duration
      // Once more if the past was forgotten meanwhile: this failure is then the first.
      do {
        step = this.#step ??= yield* Schedule.toStep(this.#of.backoff ?? defaultBackoff)
        delay = (yield* step(this.#clock.currentTimeMillisUnsafe(), input))[1]
      } while (this.#step !== step)
      this.#due = this.#lastStart + Duration.toMillis(delay)
      return true
    }).pipe(Effect.catchIf(Cause.isDone, () => Effect.succeed(false)))
  }

  /** The earliest start of the next attempt. */
  due(hurried: boolean): number {
    if (this.#asked) return Number.NEGATIVE_INFINITY
    if (!hurried || !this.#mayHurry) return this.#due
    const hurry = Duration.toMillis(Duration.fromInputUnsafe(this.#of.hurry ?? "250 millis"))
    return Math.min(this.#due, this.#lastStart + hurry)
  }

  /** Somebody asks for an attempt now, whatever else is found out before it starts. */
  skip(): void {
    this.#asked = true
  }
}

type Step<I> = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, I, never, never>>>
