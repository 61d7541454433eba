/**
 * Says when a link may dial, and when it must, from what happened before.
 */
import type { Plan } from "./linkWorld.ts"
import { type Entry, tick, type World } from "./world.ts"

const base = 4 * tick
const most = 32 * tick
const delayOf = (failures: number) => Math.min(most, base * 2 ** failures)

export const pace = (world: World, plan: Plan): void => {
  const log = world.log
  const closeAt = log.find(({ _tag }) => _tag === "Close")!.at
  let failures = 0
  let lastStart = -Infinity
  let earliest = -Infinity
  let asked = false
  let hurryable = false
  let parked: string | undefined
  const patient = new Set<number>()
  let hurried = false
  let readyAt: number | undefined
  let attempting = false
  let downSince: number | undefined
  /** When the next dial must have begun. */
  let latest: number | undefined
  let closings = 0
  let closed = false
  const giveUp = () =>
    plan.giveUpAfter === null || downSince === undefined ? Infinity : downSince + plan.giveUpAfter * tick

  const stable = (at: number) => readyAt !== undefined && at - readyAt >= plan.stableAfter * tick
  const due = (at: number) => {
    if (latest === undefined || at <= latest || closings > 0) return
    if (giveUp() <= Math.max(latest, at) || closeAt <= latest) return
    world.expect(false, () => `@${at} a dial was due @${latest}`)
    latest = undefined
  }

  for (const entry of log) {
    due(entry.at)
    step(entry)
  }

  function step(entry: Entry) {
    switch (entry._tag) {
      case "Start": {
        const from = asked
          ? -Infinity
          : hurried && hurryable
            ? Math.min(earliest, lastStart + plan.hurry * tick)
            : earliest
        world.expect(entry.at >= from, () => `dial ${entry.id} @${entry.at}, permitted @${from}`)
        world.expect(parked === undefined || asked, () => `dial ${entry.id} @${entry.at}, but parked: ${parked}`)
        downSince ??= readyAt === undefined ? entry.at : undefined
        world.expect(entry.at <= giveUp() || asked, () => `dial ${entry.id} @${entry.at}, given up @${giveUp()}`)
        if (entry.at > giveUp()) downSince = entry.at
        lastStart = entry.at
        asked = false
        latest = undefined
        parked = undefined
        return
      }
      case "Told":
        return told(entry)
      case "Asked":
        if (stable(entry.at)) failures = 0
        // An attempt that is being given up is no answer.
        if (attempting && entry.at >= giveUp()) asked = true
        if (readyAt === undefined) downSince = entry.at
        if (attempting) return
        asked = true
        latest = entry.at
        return
      case "Patient":
        if (entry.on) patient.add(entry.user)
        else patient.delete(entry.user)
        if (entry.on) hurried = true
        return
      case "Closing":
        closings++
        return
      case "Closed":
        closings--
        if (latest !== undefined) latest = Math.max(latest, entry.at)
        return
      case "Gone":
      case "Stop":
        return
      case "Close":
        closed = true
        return
    }
  }

  function told({ at, event }: Extract<Entry, { readonly _tag: "Told" }>) {
    if (event._tag === "Connecting") attempting = true
    else if (event._tag === "Connected") {
      attempting = false
      readyAt = at
      downSince = undefined
      parked = plan.redial ? undefined : parked
    } else if (event._tag === "Failed") {
      attempting = false
      const final = !plan.redial || event.result === "auth"
      // What is not worth a retry draws no delay.
      if (!final) earliest = lastStart + delayOf(failures++)
      hurryable = event.result === "refused" || event.result === "other"
      hurried = patient.size > 0
      if (event.retryInMillis !== null) latest = Math.max(at, earliest)
      const next = Math.max(at, earliest)
      world.expect(
        (event.retryInMillis === null) === (final || next >= giveUp()) || next === giveUp() || closed || asked,
        () => `Failed @${at} says ${event.retryInMillis}`,
      )
      // A link that still has its old connection is not parked.
      if (final && readyAt === undefined) parked = "for good"
    } else if (event._tag === "Lost") {
      if (event.why === "replaced") return
      const lasted = stable(at)
      readyAt = undefined
      downSince = at
      parked = undefined
      if (lasted) {
        failures = 0
        earliest = -Infinity
        latest = attempting ? undefined : at
      } else if (!attempting && event.reason !== "local") {
        earliest = lastStart + delayOf(failures++)
        latest = Math.max(at, earliest)
      }
      hurryable = false
      if (!plan.redial) {
        parked = "redial is off"
        latest = undefined
      }
    }
  }
}
