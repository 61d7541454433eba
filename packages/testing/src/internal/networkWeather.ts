/**
 * What the faults that are going on make of one direction of a connection.
 */
import type { Direction, Fault, Size } from "../Fault.ts"
import type * as Chance from "./chance.ts"
import type { Connection, Way } from "./networkConnection.ts"
import type { Mischief } from "./networkParcels.ts"
import { fair, type Weather } from "./networkPath.ts"
import type { Pipe } from "./networkPipe.ts"
import { spread } from "./networkSpread.ts"
import * as Readable from "./readable.ts"

/** A fault that is going on. */
export interface Active {
  readonly fault: Fault
  readonly on: string
  /** Takes back what it did to connections and hosts. */
  readonly undo: Set<() => void>
  /** What is left of the burst of a `bandwidth`, for each pipe. */
  readonly bursts: WeakMap<object, { left: number }>
}

/** Where a connection goes. */
export interface Route {
  readonly from: string
  readonly to: string
}

/** Whether the target of a fault is this connection: everything, its link in any order, or one of two different hosts. */
export const hits = (on: string, { from, to }: Route): boolean =>
  on === "*" || on === `${from}-${to}` || on === `${to}-${from}` || (from !== to && (on === from || on === to))

/** One name for a target, in whatever order its hosts are. */
export const canonical = (on: string): string => on.split("-").toSorted().join("-")

/** Whether that way is meant. */
const isWay = (dir: Direction | undefined, way: Way): boolean => dir === undefined || dir === "both" || dir === way

/** The ways that are meant. */
export const waysOf = (dir: Direction | undefined): ReadonlyArray<Way> =>
  dir === undefined || dir === "both" ? ["up", "down"] : [dir]

/** Whether a partition parts these two. */
export const parts = (
  { groups }: Extract<Fault, { readonly _tag: "partition" }>,
  on: string,
  route: Route,
): boolean => {
  if (groups === undefined) return hits(on, route)
  const groupOf = (host: string) => groups.findIndex((group) => group.includes(host))
  const [from, to] = [groupOf(route.from), groupOf(route.to)]
  return from >= 0 && to >= 0 && from !== to
}

/** The weather of one direction. */
export const weatherOf = (
  active: Iterable<Active>,
  connection: Connection,
  way: Way,
  chance: Chance.Chance,
): Weather => {
  const double = () => chance() / 2 ** 32
  const delays: Array<() => number> = []
  const weather = { ...fair }
  let clear = true
  for (const { bursts, fault, on } of active) {
    const here = fault._tag === "partition" ? parts(fault, on, connection) : hits(on, connection)
    if (!here || ("dir" in fault && !isWay(fault.dir, way))) continue
    clear = false
    switch (fault._tag) {
      case "latency": {
        const [delay, jitter] = [Readable.millis(fault.delay), Readable.millis(fault.jitter ?? "0ms")]
        delays.push(() => delay + (jitter > 0 ? jitter * spread(fault.dist, double(), double()) : 0))
        break
      }
      case "bandwidth":
        weather.bandwidth = Math.min(weather.bandwidth, Math.max(1, Readable.bytes(fault.bytesPerSec)) / 1000)
        weather.burst = burstOf(bursts, connection.pipe(way), fault.burst)
        break
      case "slice": {
        const [avg, variation] = [Readable.bytes(fault.avg), Readable.bytes(fault.variation ?? "0B")]
        const size = () => Math.max(1, Math.round(avg + variation * (2 * double() - 1)))
        weather.slice = { size, gap: Readable.millis(fault.gap ?? "0ms") }
        break
      }
      case "slowClose":
        weather.slowClose += Readable.millis(fault.delay)
        break
      case "blackhole":
      case "timeoutClose":
        weather.swallows = true
        break
      case "partition":
        if (fault.hold === true) weather.holds = true
        else weather.swallows = true
        break
      case "corrupt": {
        const limit = (fault.p ?? 0.001) * 2 ** 32
        weather.corrupt = () => (chance() < limit ? 1 << (chance() & 7) : undefined)
        break
      }
      case "memoryPressure":
        weather.window = 1024
        break
      default:
    }
  }
  if (clear) return fair
  return delays.length === 0 ? weather : { ...weather, delay: () => delays.reduce((sum, delay) => sum + delay(), 0) }
}

const burstOf = (bursts: Active["bursts"], pipe: Pipe, burst: Size | undefined) => {
  const known = bursts.get(pipe) ?? { left: Readable.bytes(burst ?? "0B") }
  bursts.set(pipe, known)
  return known
}

/** What happens to messages of one direction. */
export const mischiefOf = (active: Iterable<Active>, route: Route, way: Way): Mischief => {
  const mischief = { loss: 0, duplicate: 0, reorder: 0 }
  for (const { fault, on } of active) {
    if (fault._tag !== "loss" && fault._tag !== "duplicate" && fault._tag !== "reorder") continue
    if (hits(on, route) && isWay(fault.dir, way)) mischief[fault._tag] = fault.p ?? 0.1
  }
  return mischief
}
