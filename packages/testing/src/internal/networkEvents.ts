/**
 * The part of Node's `EventEmitter` that users of `ws` know, without Node: listeners in order, and an `error` nobody listens to is
 * thrown, which ends a real process.
 */

/** Any listener; who emits knows what it takes. */
export type Listener = (...args: Array<never>) => void

/** Emits. */
export class Events {
  readonly #listeners = new Map<string, ReadonlyArray<{ readonly listener: Listener; readonly once: boolean }>>()

  on(event: string, listener: Listener): this {
    return this.#add(event, listener, false)
  }
  addListener(event: string, listener: Listener): this {
    return this.#add(event, listener, false)
  }
  once(event: string, listener: Listener): this {
    return this.#add(event, listener, true)
  }
  off(event: string, listener: Listener): this {
    const all = this.#listeners.get(event) ?? []
    const index = all.findLastIndex((one) => one.listener === listener)
    if (index >= 0) this.#listeners.set(event, all.toSpliced(index, 1))
    return this
  }
  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener)
  }
  removeAllListeners(event?: string): this {
    if (event === undefined) this.#listeners.clear()
    else this.#listeners.delete(event)
    return this
  }
  listenerCount(event: string): number {
    return this.#listeners.get(event)?.length ?? 0
  }
  emit(event: string, ...args: ReadonlyArray<unknown>): boolean {
    const all = this.#listeners.get(event) ?? []
    if (all.length === 0 && event === "error") throw args[0]
    for (const { listener, once } of all) {
      if (once) this.off(event, listener)
      listener(...(args as Array<never>)) // as in Node, who listens is trusted to know the event
    }
    return all.length > 0
  }

  #add(event: string, listener: Listener, once: boolean): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), { listener, once }])
    return this
  }
}
