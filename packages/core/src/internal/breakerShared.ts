/**
 * A breaker that tells others of its name what it comes to, and asks before it probes: only one of them does at a time.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Snapshot, Store } from "../Breaker.ts"
import { Calls, Through } from "./breakerCalls.ts"
import type { Ways } from "./breakerFace.ts"
import type { Machine } from "./breakerMachine.ts"
import * as Checked from "./checked.ts"

/** The most time a question to the store gets, and how long it is left alone after it gave no answer. */
const patience = 1000

/** A store that says each time that somebody else was faster is not believed for ever. */
const mostTries = 10

/** Calls that look what the others know first, and tell them afterwards. */
export const shared = (machine: Machine, store: Store, refresh: Duration.Input): Ways => {
  const { group } = machine
  const { name } = group
  const maxAge = Checked.timeOrNone("refresh", refresh)
  const calls = new Calls(machine)
  const oneByOne = Semaphore.makeUnsafe(1).withPermits(1)
  const known = () => `${machine.base} ${machine.openings} ${machine.openUntil}`
  let told = known()
  let version = 0n
  let lookedAt = -Infinity
  // The number of the last look that began, and of the last that came to an end.
  let [began, ended] = [0, 0]
  let leftAloneUntil = -Infinity

  // A store that is away, or talks nonsense, must not be in the way: what it would have said is done without.
  const ask = <A>(question: () => Effect.Effect<A, unknown>): Effect.Effect<A | undefined> =>
    Effect.suspend(() =>
      group.now() < leftAloneUntil
        ? Effect.undefined
        : Effect.catchCause(Effect.timeout(Effect.suspend(question), patience), () =>
            Effect.sync(() => {
              group.tally.storeFailures++
              leftAloneUntil = group.now() + patience
              return undefined
            }),
          ),
    )

  const look = ask(() =>
    Effect.map(store.load(name), (found) => {
      // Unless they said something new, what was learned here meanwhile is newer.
      if (found === undefined || found.version === version) return
      version = found.version
      machine.adopt(found.snapshot, "another one of its name changed")
      told = known()
    }),
  )

  /** `false` if the others were faster; then this one knows what they know. */
  const tell = (snapshot: Snapshot, meaning: string): Effect.Effect<boolean> =>
    Effect.flatMap(
      ask(() => store.save(name, snapshot, version)),
      (saved) => {
        if (saved === false) return Effect.as(look, false)
        if (saved === undefined) return Effect.succeed(true)
        version++
        told = meaning
        return Effect.succeed(true)
      },
    )

  // Before each probe, because who holds it may have been given up for gone: the claim lasts as long as a probe may take. Who lost the
  // claim may have learned that the time of the next one is over, too.
  const claim = (tries: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (tries === 0 || !machine.isDue()) return Effect.void
      const openUntil = group.wall() + group.plan.probeTimeout
      const probing: Snapshot = { ...machine.snapshot(), state: "HalfOpen", openUntil }
      return Effect.flatMap(tell(probing, ""), (mine) => {
        if (!mine) return claim(tries - 1)
        machine.probe()
        told = known()
        return Effect.void
      })
    })

  const before = Effect.suspend(() => {
    if (group.now() - lookedAt < maxAge) return machine.isDue() ? oneByOne(claim(mostTries)) : Effect.void
    lookedAt = group.now()
    const onArrival = began
    // Who waited for the looks of others need not look again, if one of them began after they came.
    const lookOnce = Effect.suspend(() => {
      if (ended > onArrival) return Effect.void
      const mine = ++began
      return Effect.map(look, () => void (ended = mine))
    })
    return oneByOne(Effect.andThen(lookOnce, claim(mostTries)))
  })

  const after = Effect.suspend(() =>
    known() === told
      ? Effect.void
      : oneByOne(
          Effect.suspend(() => (known() === told ? Effect.void : Effect.asVoid(tell(machine.snapshot(), known())))),
        ),
  )

  return {
    protect: (call) => Effect.onExit(Effect.andThen(before, new Through(calls, call)), () => after),
    after,
  }
}
