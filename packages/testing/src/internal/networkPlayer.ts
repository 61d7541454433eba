/**
 * Plays a plan on the virtual network: each fault at its time or event, for as long as it says, until everything heals.
 */
import * as Effect from "effect/Effect"
import type { Entry, FaultPlan } from "../FaultPlan.ts"
import type { Connection } from "./networkConnection.ts"
import { hits } from "./networkWeather.ts"
import type { World } from "./networkWorld.ts"
import * as Readable from "./readable.ts"

/** Completes when the plan has run out and everything is well again. */
export const play = (world: World, { faults, healAt }: FaultPlan): Effect.Effect<void> => {
  const { loop } = world.options
  const healed = new Set<() => void>()
  let isOver = false

  const begin = ({ fault, for: time, on }: Entry) => {
    if (isOver) return
    const end = world.begin(fault, on)
    if (time !== undefined) loop.after(Readable.millis(time), end)
  }
  const counting = { connect: [] as Array<Counting>, message: [] as Array<Counting> }
  const end = Readable.millis(healAt)
  // What is due at one instant runs in any order, but what is in a plan happens.
  const last: Array<Entry> = []
  for (const entry of faults) {
    const [event, nth] = entry.at.split(":")
    const at = Readable.millis(entry.at)
    if (nth !== undefined) counting[event as "connect" | "message"].push({ entry, left: Number(nth) })
    else if (at === 0) begin(entry)
    else if (at === end) last.push(entry)
    else loop.after(at, () => begin(entry))
  }
  const due = (all: Array<Counting>, connection: Connection): ReadonlyArray<Entry> =>
    all.flatMap((one) => (hits(one.entry.on, connection) && --one.left === 0 ? [one.entry] : []))
  if (counting.connect.length > 0) world.onConnection = (connection) => due(counting.connect, connection).forEach(begin)
  if (counting.message.length > 0) {
    // In a turn of its own: the message is still being read.
    world.onMessage = (connection) => {
      for (const entry of due(counting.message, connection)) loop.after(0, () => begin(entry))
    }
  }

  loop.after(end, () => {
    for (const entry of last) begin(entry)
    isOver = true
    world.heal()
    for (const resume of healed) resume()
    healed.clear()
  })
  return Effect.callback((resume) => {
    if (isOver) return resume(Effect.void)
    const done = () => resume(Effect.void)
    healed.add(done)
    return Effect.sync(() => healed.delete(done))
  })
}

interface Counting {
  readonly entry: Entry
  left: number
}
