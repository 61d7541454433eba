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
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import * as Reports from "./reports.ts"
import * as Retries from "./retries.ts"
import type { Gone, Session } from "./session.ts"
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

  const inTime = (dial: Effect.Effect<Transport, TransportError, Scope.Scope>, left: number) =>
    Effect.timeoutOrElse(dial, { duration: left, orElse: () => Effect.fail(silent) })

  const shared: Shared = {
    target,
    forever,
    stableAfter: options.stableAfter,
    backoff: options.backoff ?? Backoff.full(),
    now,
    again: (dial) => turns.take(inTime(dial, timeout)),
    // One deadline for turn and dial together: what a client waits for is its answer.
    first: (dial) =>
      Effect.suspend(() => {
        const arrived = now()
        let waited = timeout
        const turn = Effect.suspend(() => {
          waited = now() - arrived
          return dial
        })
        return Effect.timeoutOrElse(turns.take(turn), {
          duration: timeout,
          // Most of the time went into waiting for the turn: that is no word about the upstream.
          orElse: () => Effect.fail(waited > timeout / 2 ? busy : silent),
        })
      }),
  }
  return (route: Route) => Link.make<Transport, Failure, Scope.Scope>(new Way(shared, route))
})

type Dial<E> = Effect.Effect<Transport, E, Scope.Scope>

/** What the links of all sessions share. */
interface Shared extends Pick<Options, "target" | "forever" | "stableAfter"> {
  readonly backoff: Schedule.Schedule<unknown>
  readonly now: () => number
  readonly first: (dial: Dial<TransportError>) => Dial<Failure>
  readonly again: (dial: Dial<TransportError>) => Dial<Failure>
}

/** The options of one link. There are very many: so what does not differ is not kept by each. */
class Way implements Link.Options<Transport, Failure, Scope.Scope> {
  readonly #shared: Shared
  readonly #route: Route
  #protocol: string | undefined
  #began = 0

  constructor(shared: Shared, route: Route) {
    this.#shared = shared
    this.#route = route
  }

  get program() {
    return Reports.program
  }

  get target() {
    return this.#shared.target
  }

  get eager() {
    return this.#shared.forever
  }

  get redial() {
    return "paced" as const
  }

  get stableAfter() {
    return this.#shared.stableAfter
  }

  /** The dial has its deadline. */
  get connectTimeout() {
    return Duration.infinity
  }

  get backoff() {
    return Retries.patient(this.#shared.backoff, () => this.#shared.now() - this.#began)
  }

  get connect(): Dial<Failure> {
    return Effect.suspend(() => {
      const { dial, session } = this.#route
      if (session.isClosing) return Effect.never // until its scope closes
      session.dials++
      this.#began = this.#shared.now()
      const protocol = this.#protocol
      if (protocol === undefined && !this.#shared.forever) return this.#shared.first(dial(false))
      return Effect.filterOrFail(
        this.#shared.again(dial(protocol !== undefined)),
        (transport) => protocol === undefined || transport.protocol === protocol,
        () => otherProtocol,
      )
    })
  }

  isRetryable(failure: Failure): boolean {
    return this.#shared.forever || (this.#protocol !== undefined && isWorthAnother(failure))
  }

  classify(failure: Failure) {
    return failure._tag === "TransportError" ? Reports.result(failure) : "other"
  }

  lost(transport: Transport, gone: Gone): void {
    this.#protocol = transport.protocol
    this.#route.session.reached(transport, gone)
  }

  parked(failure: Failure | LinkError): void {
    this.#route.session.parked(goodbye(failure))
  }
}

const isWorthAnother = (failure: Failure): boolean =>
  failure._tag === "TransportError" ? Retries.isWorthAnother(failure) : failure === busy

const goodbye = (failure: Failure | LinkError): CloseCode.Goodbye => {
  if (failure._tag === "OtherProtocol") return CloseCode.otherProtocol
  return failure._tag === "TransportError" && failure.reason._tag === "Refused"
    ? CloseCode.refused(failure.reason.status)
    : CloseCode.gaveUp
}
