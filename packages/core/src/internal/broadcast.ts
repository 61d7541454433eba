/**
 * Changes of one value for any number of readers, each with a bounded buffer of its own. Plain code; costs nothing unread.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Changes, Lagged } from "../Connectivity.ts"

const most = 64

/** Sends changes to its readers. */
export class Broadcast<S> {
  #readers: Set<Reader<S>> | undefined

  /** Tells every reader. */
  send(value: S): void {
    if (this.#readers === undefined) return
    for (const reader of this.#readers) reader.push(value)
    for (const reader of this.#readers) reader.wake()
  }

  /** Nothing comes after this; readers get what they have not read, then the end. */
  end(): void {
    if (this.#readers === undefined) return
    for (const reader of this.#readers) reader.end()
  }

  /** A reader that starts with the value at the moment from which it hears of changes. */
  subscribe(now: () => S, over: () => boolean): Effect.Effect<Changes<S>, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        const reader = new Reader(now())
        if (over()) reader.end()
        this.#readers ??= new Set()
        this.#readers.add(reader)
        return reader
      }),
      (reader) => Effect.sync(() => void this.#readers?.delete(reader)),
    ).pipe(Effect.map((reader) => reader.pull))
  }
}

class Reader<S> {
  #unread: Array<S | Lagged<S>>
  #wake: (() => void) | undefined
  #over = false

  constructor(now: S) {
    this.#unread = [now]
  }

  push(value: S): void {
    if (this.#unread.length < most) this.#unread.push(value)
    else this.#unread = [{ _tag: "Lagged", missed: count(this.#unread), now: value }]
  }

  end(): void {
    this.#over = true
    this.wake()
  }

  wake(): void {
    this.#wake?.()
  }

  // Taken when it runs, not when it is woken: who is interrupted in between has lost nothing.
  readonly pull: Changes<S> = Effect.suspend(() => {
    const [first, ...rest] = this.#unread
    if (first === undefined) return this.#over ? Cause.done() : Effect.andThen(this.#news, this.pull)
    this.#unread = []
    return Effect.succeed([first, ...rest] as const)
  })

  readonly #news: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#unread.length > 0 || this.#over) return resume(Effect.void)
    // A reader goes on in a turn of its own, not inside of what it hears about.
    this.#wake = () => resume(Effect.yieldNow)
    return Effect.sync(() => void (this.#wake = undefined))
  })
}

/** How many changes these stand for. */
const count = <S>(changes: ReadonlyArray<S | Lagged<S>>): number =>
  changes.reduce((sum, change) => sum + (isLagged(change) ? change.missed + 1 : 1), 0)

const isLagged = <S>(change: S | Lagged<S>): change is Lagged<S> =>
  typeof change === "object" && change !== null && "_tag" in change && change._tag === "Lagged"
