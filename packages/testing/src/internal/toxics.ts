/**
 * What each fault means on a real port: what it does to one connection, and what is undone when it is over.
 */
import * as Fault from "../Fault.ts"
import type { Chance } from "./chance.ts"
import * as Gates from "./toxicGates.ts"
import type { Toxic } from "./proxyLane.ts"
import type { Pair, Way } from "./proxyPair.ts"
import { spread } from "./networkSpread.ts"
import { parts, type Route, waysOf } from "./networkWeather.ts"

/** Begins for one connection; the answer is its end. */
export type Begin = (pair: Pair, chance: Chance) => () => void

/** What a fault is to connections; nothing when it cannot happen on a real port. */
export const meaning = (fault: Fault.Fault, around: Around): Begin | undefined => {
  // The table has what belongs to the kind under its name.
  const make = table[fault._tag] as ((fault: Fault.Fault, around: Around) => Begin) | undefined
  return make?.(fault, around)
}

/** The kinds that can happen on a real port. */
export const kinds = (): ReadonlyArray<Fault.Kind> => Fault.all.filter((kind) => table[kind] !== undefined)

/** Whom it hits. */
export interface Around {
  /** The link it is; unknown when nobody named it. */
  readonly route: Route | undefined
  /** What the plan says it hits. */
  readonly on: string
}

type Of<K extends Fault.Kind> = Extract<Fault.Fault, { readonly _tag: K }>
type Table = { readonly [K in Fault.Kind]?: (fault: Of<K>, around: Around) => Begin }

const table: Table = {
  latency: ({ delay, dir, dist, jitter = "0ms" }) =>
    each(dir, (_, chance) => {
      const [least, more] = [Fault.toMillis(delay), Fault.toMillis(jitter)]
      return { late: () => least + (more > 0 ? more * spread(dist, double(chance), double(chance)) : 0) }
    }),
  bandwidth: ({ burst = "0B", bytesPerSec, dir }) =>
    each(dir, () => ({ gate: Gates.bandwidth(Fault.toBytes(bytesPerSec), Fault.toBytes(burst)) })),
  slice: ({ avg, dir, gap = "1ms", variation = "0B" }) =>
    each(dir, (_, chance) => {
      const sizes = { average: Fault.toBytes(avg), variation: Fault.toBytes(variation), gap: Fault.toMillis(gap) }
      return { gate: Gates.slices(sizes, chance) }
    }),
  slowAccept:
    ({ delay }) =>
    (pair) => {
      const release = pair.wait()
      const off = pair.later(Fault.toMillis(delay), release)
      return () => {
        off()
        release()
      }
    },
  slowClose: ({ delay }) => each("both", () => ({ lateEnd: Fault.toMillis(delay) })),
  blackhole: ({ dir, keepOpen = false }) => swallowing(dir, keepOpen),
  corrupt: ({ dir, p = 0.001 }) => each(dir, (_, chance) => ({ change: (bytes) => flipped(bytes, p, chance) })),
  lostAck: ({ nth }) => each("down", (pair) => ({ counts: upTo(nth, "drop"), end: () => pair.reset() })),
  reset: ({ after, dir }) => {
    if (after === undefined) return once((pair) => pair.reset())
    if (isTime(after)) return (pair) => pair.later(Fault.toMillis(after), () => pair.reset())
    return behind(after, dir, (pair) => pair.reset())
  },
  timeoutClose: ({ after }) => {
    const swallow = swallowing("both", false)
    return (pair, chance) => {
      const off = pair.later(Fault.toMillis(after), () => pair.close())
      const undo = swallow(pair, chance)
      return () => {
        off()
        undo()
      }
    }
  },
  closeClean: () => once((pair) => pair.close()),
  cutAt: ({ bytes, dir, frame }) =>
    frame === undefined
      ? behind(bytes ?? "0B", dir, (pair, way) => pair.cut(way))
      : each(dir, (pair, _, way) => ({ counts: upTo(frame, "last"), end: () => pair.cut(way) })),
  refuse: () => once(() => {}),
  partition: (fault, { on, route }) => {
    const { dir, hold = false } = fault
    if (route !== undefined && !parts(fault, on, route)) return once(() => {})
    const apart = hold ? each(dir, () => ({ holds: true })) : swallowing(dir, false)
    return (pair, chance) => {
      const release = pair.wait()
      const undo = apart(pair, chance)
      return () => {
        undo()
        release()
      }
    }
  },
  stall: (_, { on, route }) => {
    const dir = route?.from === on ? "down" : route?.to === on ? "up" : "both"
    return each(dir, () => ({ holds: true }))
  },
}

const once =
  (action: (pair: Pair) => void): Begin =>
  (pair) => {
    action(pair)
    return () => {}
  }

/** A toxic of its own for each direction. */
const each =
  (dir: Fault.Direction | undefined, make: (pair: Pair, chance: Chance, way: Way) => Toxic): Begin =>
  (pair, chance) => {
    const added = waysOf(dir).map((way) => {
      const toxic = make(pair, chance, way)
      const lane = pair.lane(way)
      lane.add(toxic)
      return () => lane.remove(toxic)
    })
    return () => {
      for (const undo of added) undo()
    }
  }

// A stream of bytes cannot go on with a hole in it: a real network would not hand on what comes behind one.
const swallowing = (dir: Fault.Direction | undefined, keepOpen: boolean): Begin => {
  const swallow = each(dir, () => ({ swallows: true }))
  return (pair, chance) => {
    const undo = swallow(pair, chance)
    return () => {
      undo()
      const lost = [pair.up, pair.down].filter(({ hasLost }) => hasLost)
      if (keepOpen) for (const lane of lost) lane.mute()
      else if (lost.length > 0) pair.reset()
    }
  }
}

/** Ends a connection right behind so many bytes. */
const behind = (size: Fault.Size, dir: Fault.Direction | undefined, end: (pair: Pair, way: Way) => void): Begin => {
  const bytes = Math.floor(Fault.toBytes(size))
  if (bytes === 0) return once((pair) => end(pair, waysOf(dir)[0]!))
  return each(dir, (pair, _, way) => ({ gate: Gates.limit(bytes, () => end(pair, way)) }))
}

const upTo = (nth: number, last: "last" | "drop") => {
  let count = 0
  return () => (++count < nth ? "pass" : count === nth ? last : "drop")
}

const isTime = (after: Fault.Time | Fault.Size): after is Fault.Time => /[smh]$/.test(after)

const double = (chance: Chance): number => chance() / 2 ** 32

// Another value of one bit, so that a byte that is hit is never the same.
const flipped = (bytes: Uint8Array, p: number, chance: Chance): Uint8Array => {
  let copy: Uint8Array | undefined
  for (let at = gap(p, chance); at < bytes.length; at += 1 + gap(p, chance)) {
    copy ??= bytes.slice()
    copy[at]! ^= 1 << (chance() >>> 29)
  }
  return copy ?? bytes
}

// How many bytes stay as they are until the next one is hit: one draw for each hit, not for each byte.
const gap = (p: number, chance: Chance): number =>
  p >= 1 ? 0 : p <= 0 ? Infinity : Math.floor(Math.log(1 - double(chance)) / Math.log(1 - p))
