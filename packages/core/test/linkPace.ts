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
  /** When the owner must have heard that nothing will dial any more. */
  let parksAt: number | undefined
  /** Asked in the instant in which it gave up: only the link knows in which order, and so since when it counts. */
  let unsure = false
  /** The dial under way, or the last; and that of the last goodbye. */
  let [trying, goodbye] = [0, 0]
  /** After a goodbye: the attempt under way is the last; or it is the one that it was said of. */
  let [last, useless] = [false, false]
  let closings = 0
  let closed = false
  const giveUp = () =>
    plan.giveUpAfter === null || downSince === undefined ? Infinity : downSince + plan.giveUpAfter * tick

  const stable = (at: number) => readyAt !== undefined && at - readyAt >= plan.stableAfter * tick
  const due = (at: number) => {
    if (latest === undefined || at <= latest || closings > 0) return
    if (unsure || giveUp() <= Math.max(latest, at) || closeAt <= latest) return
    world.expect(false, () => `@${at} a dial was due @${latest}`)
    latest = undefined
  }

  for (const entry of log) {
    due(entry.at)
    const untold = parksAt !== undefined && entry.at > parksAt && !closed && !unsure
    world.expect(!untold, () => `nobody was told that it parked @${parksAt}`)
    if (untold) parksAt = undefined
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
        world.expect(
          entry.at <= giveUp() || asked || unsure,
          () => `dial ${entry.id} @${entry.at}, given up @${giveUp()}`,
        )
        if (entry.at > giveUp()) downSince = entry.at
        lastStart = entry.at
        trying = entry.id
        parksAt = undefined
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
        unsure = attempting && (unsure || entry.at === giveUp())
        if (attempting && (useless || entry.at >= giveUp())) asked = true
        if (readyAt === undefined) downSince = entry.at
        if (attempting) return
        // A wish is not given up before it has had its dial.
        parksAt = undefined
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
        if (entry.again) return
        goodbye = entry.id
        if (attempting && entry.id === trying) useless = true
        return
      case "Parked":
        world.expect(parksAt === entry.at || unsure, () => `told that it parked, which was to be @${parksAt}`)
        unsure = false
        parksAt = undefined
        latest = undefined
        parked ??= "its owner knows"
        return
      case "Stop":
        return
      case "Close":
        closed = true
        return
    }
  }

  function told({ at, event }: Extract<Entry, { readonly _tag: "Told" }>) {
    if (event._tag === "Connecting") {
      attempting = true
      // Until it starts.
      trying = 0
      last = useless = false
    } else if (event._tag === "Connected") {
      attempting = false
      unsure = false
      readyAt = at
      downSince = undefined
      parked = plan.redial === false ? parked : undefined
    } else if (event._tag === "Failed") {
      attempting = false
      const final = plan.redial === false || event.result === "auth" || last || useless
      // What is not worth a retry draws no delay.
      if (!final) earliest = lastStart + delayOf(failures++)
      hurryable = event.result === "refused" || event.result === "other"
      hurried = patient.size > 0
      if (event.retryInMillis !== null) latest = Math.max(at, earliest)
      const next = Math.max(at, earliest)
      world.expect(
        (event.retryInMillis === null) === (final || next >= giveUp()) ||
          next === giveUp() ||
          closed ||
          asked ||
          unsure,
        () => `Failed @${at} says ${event.retryInMillis}`,
      )
      // A link that still has its old connection is not parked.
      if (final && readyAt === undefined) parked = "for good"
      if (readyAt !== undefined) return
      // The wish was for another dial than this one, and counts anew.
      if (asked) downSince = at
      if (asked && !unsure) latest = at
      parksAt = asked || useless ? undefined : final ? at : Math.max(at, giveUp())
    } else if (event._tag === "Lost") {
      if (event.why === "replaced") return
      const lasted = stable(at)
      const redials = plan.redial !== false && event.why !== `1006 of ${goodbye}`
      readyAt = undefined
      downSince = at
      parked = undefined
      if (lasted) {
        failures = 0
        earliest = -Infinity
      }
      hurryable = false
      if (event.reason === "local") return
      if (attempting) {
        latest = undefined
        last ||= !redials
      } else if (redials) {
        // With `paced` the delay counts from the loss, and there is one even if the connection was stable.
        if (plan.redial === "paced") earliest = at + delayOf(failures++)
        else if (!lasted) earliest = lastStart + delayOf(failures++)
        latest = Math.max(at, earliest)
        parksAt = asked ? undefined : giveUp()
      } else if (!asked) {
        parked = "nothing dials after this loss"
        latest = undefined
        parksAt = undefined
      }
    }
  }
}
