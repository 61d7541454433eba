/**
 * A connection through the proxy: the client's end, the upstream's, and a lane each way. What one peer does, the other one gets to
 * know in its own order behind the bytes; faults do the rest. Plain code.
 */
import type { Alarm } from "./alarm.ts"
import { Lane } from "./proxyLane.ts"
import type { Dialled, Ear, End } from "./tcp.ts"

/** What a connection needs of its proxy. */
export interface Surroundings {
  readonly alarm: () => Alarm
  readonly dial: (dialled: Dialled) => { readonly end: End; readonly hear: (ear: Ear) => void }
  /** Both ends are there, and nothing has passed. */
  readonly opened: () => void
  /** A read has been handed on. */
  readonly message: () => void
  /** Both ends are gone. */
  readonly over: (pair: Pair) => void
}

/** From the client to the upstream, or back. */
export type Way = "up" | "down"

/** A connection. */
export class Pair {
  /** Which one it is, from 1. */
  readonly number: number
  readonly up: Lane
  readonly down: Lane
  readonly #client: End
  readonly #around: Surroundings
  #upstream: End | undefined
  #state: "waiting" | "dialling" | "open" | "ended" = "waiting"
  #reasonsToWait = 1
  #clientGone = false
  #upstreamGone = true

  constructor(number: number, client: End, hear: (ear: Ear) => void, around: Surroundings) {
    this.number = number
    this.#client = client
    this.#around = around
    const upstream: End = {
      write: (bytes) => this.#upstream?.write(bytes) ?? true,
      pause: () => this.#upstream?.pause(),
      resume: () => this.#upstream?.resume(),
      finish: () => this.#upstream?.finish(),
      reset: () => this.#upstream?.reset(),
    }
    this.up = new Lane(client, upstream, around.alarm(), around.message)
    this.down = new Lane(upstream, client, around.alarm(), around.message)
    hear({
      read: (bytes) => this.up.heard(bytes),
      finished: () => {
        if (this.#upstreamGone && this.#state !== "waiting") client.finish()
        else this.up.ended(upstream.finish)
      },
      drained: () => this.down.drained(),
      gone: (reset) => {
        this.#clientGone = true
        this.down.mute()
        if (reset) this.up.ended(upstream.reset)
        this.#left()
      },
    })
  }

  /** The lane of this direction. */
  lane(way: Way): Lane {
    return way === "up" ? this.up : this.down
  }

  /** Dials the upstream as soon as nothing keeps it waiting any more. */
  begin(): void {
    this.#release()
  }

  /** Keeps it from being dialled until the answer is called. */
  wait(): () => void {
    this.#reasonsToWait++
    let waits = true
    return () => {
      if (waits) this.#release()
      waits = false
    }
  }

  /** Does something in so many milliseconds, unless the answer is called before. */
  later(millis: number, action: () => void): () => void {
    const alarm = this.#around.alarm()
    alarm.at(alarm.now() + millis, action)
    return alarm.off
  }

  /** A RST to both, and what is under way is lost. */
  reset(): void {
    this.#end((end) => end.reset())
  }

  /** A RST to both, also to ends that were told goodbye and have not answered. */
  abort(): void {
    this.#leave((end) => end.reset())
  }

  /** A FIN to both. */
  close(): void {
    this.#end((end) => end.finish())
  }

  /** A FIN behind what went this way, and a RST to whoever sends it. */
  cut(way: Way): void {
    const sink = way === "up" ? this.#upstream : this.#client
    this.#end((end) => (end === sink ? end.finish() : end.reset()))
  }

  #end(how: (end: End) => void): void {
    if (this.#state !== "ended") this.#leave(how)
  }

  #leave(how: (end: End) => void): void {
    this.#state = "ended"
    this.up.mute()
    this.down.mute()
    for (const end of [this.#client, this.#upstream]) {
      if (end === undefined) continue
      how(end)
      end.resume() // else its own end would not be heard
    }
  }

  #release(): void {
    this.#reasonsToWait--
    if (this.#reasonsToWait > 0 || this.#state !== "waiting") return
    this.#state = "dialling"
    this.#upstreamGone = false
    const { end, hear } = this.#around.dial({
      opened: () => {
        if (this.#state !== "dialling") return
        this.#state = "open"
        this.#around.opened()
        this.up.start()
        this.down.start()
      },
      refused: () => this.reset(),
    })
    this.#upstream = end
    hear({
      read: (bytes) => this.down.heard(bytes),
      finished: () => {
        if (this.#clientGone) end.finish()
        else this.down.ended(this.#client.finish)
      },
      drained: () => this.up.drained(),
      gone: (reset) => {
        this.#upstreamGone = true
        this.up.mute()
        if (reset) this.down.ended(this.#client.reset)
        this.#left()
      },
    })
  }

  #left(): void {
    if (this.#clientGone && this.#upstreamGone) {
      this.#state = "ended"
      this.up.mute()
      this.down.mute()
      this.#around.over(this)
    }
  }
}
