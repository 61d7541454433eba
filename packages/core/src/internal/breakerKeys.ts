/**
 * The breakers of a map. Who was not used of late is found as clocks of page caches find it: a mark per key that use sets and time
 * takes away, so that a call costs one lookup and no bookkeeping.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type { Breaker } from "../Breaker.ts"
import type { BreakerMap, Options } from "../BreakerMap.ts"
import { Calls } from "./breakerCalls.ts"
import type { BreakerError } from "./breakerError.ts"
import { face } from "./breakerFace.ts"
import { Group } from "./breakerGroup.ts"
import { Machine } from "./breakerMachine.ts"
import * as Plan from "./breakerPlan.ts"
import * as Checked from "./checked.ts"

/** Keys looked at for one to give up. A bound, because somebody may invent keys faster than it takes to look through all. */
const looks = 32

/** Changes remembered for a key: there may be very many keys. */
const remembered = 8

/** The breaker of one key. */
class Kept extends Calls {
  /** Whether it was called again after it was made, or last looked at; whether it was called at all since the last sweep. */
  mark: "again" | "once" | "none" = "once"
}

/** Breakers by key. */
export class Keys<K> implements BreakerMap<K> {
  readonly #options: Options<K>
  readonly #context: Context.Context<never>
  readonly #group: Group
  readonly #keys = new Map<K, Kept>()
  readonly #maxKeys: number

  constructor(options: Options<K>, context: Context.Context<never>) {
    this.#options = options
    this.#context = context
    this.#maxKeys = Checked.whole("maxKeys", options.maxKeys ?? 10_000, 1)
    this.#group = new Group({ ...this.#about, plan: Plan.make(options, context) }, context)
    this.#group.publish(context, [], undefined)
  }

  readonly protect = <A, E, R>(key: K, call: Effect.Effect<A, E, R>): Effect.Effect<A, E | BreakerError, R> =>
    new ByKey(this, key, call)

  readonly peek = (key: K): Breaker | undefined => {
    const kept = this.#keys.get(key)
    return kept === undefined ? undefined : this.#face(key, kept)
  }

  readonly get = (key: K): Breaker | undefined => {
    const kept = this.find(key)
    return kept === undefined ? undefined : this.#face(key, kept)
  }

  readonly size = () => this.#keys.size

  /** The breaker of a key, made if it has none and there is room. */
  find(key: K): Kept | undefined {
    const found = this.#keys.get(key)
    if (found === undefined) return this.#make(key)
    found.mark = "again"
    return found
  }

  /** A call of a key that has no breaker. */
  unprotected(): void {
    this.#group.tally.unprotected++
  }

  /** Forgets who is closed and was not used since the last time. */
  sweep(): void {
    for (const [key, kept] of this.#keys) {
      if (kept.mark === "none" && kept.machine.isClosed) this.#forget(key, kept)
      kept.mark = "none"
    }
  }

  leave(): void {
    for (const [key, kept] of this.#keys) this.#forget(key, kept)
    this.#group.leave()
  }

  get #about() {
    const { keyName = String, name, program = "app" } = this.#options
    // Its machines are made here, with keys of this map.
    return { name, program, remembered, nameOf: (key: unknown) => `${name}/${keyName(key as K)}` }
  }

  #make(key: K): Kept | undefined {
    if (this.#keys.size >= this.#maxKeys && !this.#makeRoom()) return undefined
    const different = this.#options.override?.(key)
    const group = different === undefined ? this.#group : this.#special({ ...this.#options, ...different })
    const kept = new Kept(new Machine(key, group))
    this.#keys.set(key, kept)
    return kept
  }

  #special(options: Options<K>): Group {
    return new Group({ ...this.#about, plan: Plan.make(options, this.#context) }, this.#context, this.#group.tally)
  }

  #makeRoom(): boolean {
    let left = looks
    let [closedKey, closed]: [K | undefined, Kept | undefined] = [undefined, undefined]
    for (const [key, kept] of this.#keys) {
      if (left-- === 0) break
      const isClosed = kept.machine.isClosed
      if (isClosed && kept.mark !== "again") return this.#forget(key, kept)
      if (isClosed && closed === undefined) [closedKey, closed] = [key, kept]
      // To the end of the line, so that the next look goes on behind it.
      if (kept.mark === "again") kept.mark = "once"
      this.#keys.delete(key)
      this.#keys.set(key, kept)
    }
    return closed !== undefined && this.#forget(closedKey!, closed)
  }

  #forget(key: K, kept: Kept): true {
    this.#keys.delete(key)
    kept.machine.leave()
    return true
  }

  // Who has it may have it for longer than the map remembers the key.
  #face(key: K, found: Kept): Breaker {
    let kept = found
    const now = () => {
      if (kept.machine.left) kept = this.find(key) ?? kept
      return kept.machine
    }
    return face(now, { protect: (call) => this.protect(key, call), after: Effect.void })
  }
}

/** A call of a key; finds the breaker when it is run, because that may be much later, or often. */
class ByKey<K, A, E, R> extends Effectable.Class<A, E | BreakerError, R> {
  readonly #keys: Keys<K>
  readonly #key: K
  readonly #call: Effect.Effect<A, E, R>

  constructor(keys: Keys<K>, key: K, call: Effect.Effect<A, E, R>) {
    super()
    this.#keys = keys
    this.#key = key
    this.#call = call
  }

  override asEffect(): Effect.Effect<A, E | BreakerError, R> {
    const kept = this.#keys.find(this.#key)
    if (kept !== undefined) return kept.begin(this.#call)
    this.#keys.unprotected()
    return this.#call
  }
}
