/**
 * Reaches the upstream of a session over a link of its own: it waits its turn, is dialled with a deadline, and is dialled again, with
 * jitter, when the session says that its connection was lost.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Link from "@holdfast/core/Link"
import type { LinkError } from "@holdfast/core/Link"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Headers, type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import * as Reports from "./reports.ts"
import type { Session } from "./session.ts"
import * as Turns from "./turns.ts"
import { monotonic } from "./wheel.ts"

/** All turns were taken for too long. */
export const busy = { _tag: "Busy" } as const

/** The upstream speaks something else than it did before. */
const otherProtocol = { _tag: "OtherProtocol" } as const

/** Why it was not reached. */
export type Failure = TransportError | typeof busy | typeof otherProtocol

export interface Options {
  readonly target: string
  readonly maxDials: number
  /** For turn and dial together, where a client waits for its answer; else for the dial. */
  readonly timeout: Duration.Input
  readonly backoff: Schedule.Schedule<unknown> | undefined
  readonly forever: boolean
  readonly stableAfter: Duration.Input
}

/** One upstream of a session. */
export interface Route {
  readonly session: Session
  /** One attempt; `again` after the first that succeeded. */
  readonly dial: (again: boolean) => Effect.Effect<Transport, TransportError, Scope.Scope>
}

/** The link of a session; it has not dialled yet. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { forever, maxDials, target } = options
  const timeout = Duration.toMillis(Duration.fromInputUnsafe(options.timeout))
  const silent = new TransportError({ reason: new Unreachable({ target, kind: "timeout", why: "no answer in time" }) })
  const now = monotonic(yield* Clock.Clock)
  const turns = Turns.make(maxDials)
  const backoff = options.backoff ?? Backoff.full()

  const inTime = (dial: Effect.Effect<Transport, TransportError, Scope.Scope>, left: number) =>
    Effect.timeoutOrElse(dial, { duration: left, orElse: () => Effect.fail(silent) })

  // One deadline for turn and dial together: what a client waits for is its answer.
  const first = (dial: Effect.Effect<Transport, TransportError, Scope.Scope>) =>
    Effect.suspend(() => {
      const arrived = now()
      let waited: number | undefined
      const turn = Effect.suspend(() => {
        waited = now() - arrived
        return inTime(dial, timeout - waited)
      })
      const impatience = Effect.suspend(() => (waited === undefined ? Effect.fail(busy) : Effect.never))
      return Effect.raceFirst(turns.take(turn), Effect.delay(impatience, timeout)).pipe(
        // Most of the time went into waiting for the turn: that is no word about the upstream.
        Effect.mapError((error) => (error === silent && waited! > timeout / 2 ? busy : error)),
      )
    })

  return ({ dial, session }: Route) => {
    let protocol: string | undefined
    let began = 0
    return Link.make<Transport, Failure, Scope.Scope>({
      program: Reports.program,
      target,
      connect: Effect.suspend((): Effect.Effect<Transport, Failure, Scope.Scope> => {
        if (session.isClosing) return Effect.never // until its scope closes
        session.dials++
        began = now()
        if (protocol === undefined && !forever) return first(dial(false))
        return Effect.filterOrFail(
          turns.take(inTime(dial(protocol !== undefined), timeout)),
          (transport) => protocol === undefined || transport.protocol === protocol,
          () => otherProtocol,
        )
      }),
      connectTimeout: Duration.infinity, // the dial has its deadline
      eager: forever,
      redial: "paced",
      backoff: patient(backoff, () => now() - began),
      stableAfter: options.stableAfter,
      isRetryable: (failure) => forever || (protocol !== undefined && isWorthAnother(failure)),
      classify: (failure) => (failure._tag === "TransportError" ? Reports.result(failure) : "other"),
      lost: (transport, gone) => {
        protocol = transport.protocol
        session.reached(transport, gone)
      },
      parked: (failure) => session.parked(goodbye(failure)),
    })
  }
})

/** RFC 9110 15: what the client did wrong stays wrong, except that it was too slow, too early or too often. */
const isWorthAnother = (failure: Failure): boolean => {
  if (failure._tag !== "TransportError") return failure === busy
  const { reason } = failure
  return reason._tag !== "Refused" || reason.status >= 500 || [408, 425, 429].includes(reason.status)
}

const goodbye = (failure: Failure | LinkError): CloseCode.Goodbye => {
  if (failure._tag === "OtherProtocol") return CloseCode.otherProtocol
  return failure._tag === "TransportError" && failure.reason._tag === "Refused"
    ? CloseCode.refused(failure.reason.status)
    : CloseCode.gaveUp
}

/** An upstream that says when to come again is not asked before; it counts from its answer, and the delays from the dial. */
const patient = <O>(backoff: Schedule.Schedule<O>, took: () => number): Schedule.Schedule<O, Failure | LinkError> =>
  Schedule.fromStep(
    Effect.map(
      Schedule.toStep(backoff),
      (step) => (now: number, failure: Failure | LinkError) =>
        Effect.map(step(now, failure), ([output, delay]): [O, Duration.Duration] => [
          output,
          Duration.max(delay, retryAfter(failure, took())),
        ]),
    ),
  )

const retryAfter = (failure: Failure | LinkError, took: number): Duration.Duration => {
  if (failure._tag !== "TransportError" || failure.reason._tag !== "Refused") return Duration.zero
  const seconds = secondsIn(failure.reason.headers)
  return seconds === 0 ? Duration.zero : Duration.millis(took + seconds * 1000)
}

/** RFC 9110 10.2.3; the form that is a date is not understood, and waits for nothing. */
const secondsIn = ({ "retry-after": value }: Headers): number =>
  typeof value === "string" && /^\d{1,6}$/.test(value) ? Number(value) : 0
