/**
 * Reaches the upstream of a session over a link of its own: it waits its turn, is dialled with a deadline, and is dialled again, with
 * jitter, when the session says that its connection was lost.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Link from "@holdfast/core/Link"
import type { LinkError } from "@holdfast/core/Link"
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
import { type Wheel, within } from "./wheel.ts"

/** All turns were taken for too long. */
export const busy = { _tag: "Busy" } as const

/** The upstream speaks something else than it did before. */
const otherProtocol = { _tag: "OtherProtocol" } as const

/** Why it was not reached. */
export type Failure = TransportError | typeof busy | typeof otherProtocol

export interface Options {
  readonly wheel: Wheel
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

/** The link of a session, which dials at once, and its first answer; that is for one who waits, and may be left waiting in vain. */
export interface Reaching {
  readonly link: Link.Link<Transport, Failure>
  readonly answer: Effect.Effect<Transport, Failure | LinkError>
}

/** Makes them. */
export const make = (options: Options) => {
  const { forever, maxDials, target, wheel } = options
  const { now } = wheel
  const timeout = Duration.toMillis(Duration.fromInputUnsafe(options.timeout))
  const silent = new TransportError({ reason: new Unreachable({ target, kind: "timeout", why: "no answer in time" }) })
  const turns = Turns.make(maxDials)
  const inTime = within(wheel, timeout)

  const shared: Shared = {
    target,
    forever,
    stableAfter: options.stableAfter,
    backoff: options.backoff ?? Backoff.full(),
    now,
    again: (dial) => turns.take(inTime(dial, () => silent)),
    // One deadline for turn and dial together: what a client waits for is its answer.
    first: (dial) =>
      Effect.suspend(() => {
        const arrived = now()
        let waited = timeout
        const turn = Effect.suspend(() => {
          waited = now() - arrived
          return dial
        })
        // Most of the time went into waiting for the turn: that is no word about the upstream.
        return inTime(turns.take(turn), () => (waited > timeout / 2 ? busy : silent))
      }),
  }
  return (route: Route): Effect.Effect<Reaching, never, Scope.Scope> => {
    const way = new Way(shared, route)
    return Effect.map(Link.make<Transport, Failure, Scope.Scope>(way), (link) => ({ link, answer: way.answer }))
  }
}

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
  #answer: Effect.Effect<Transport, Failure | LinkError> | undefined
  #answered: ((answer: Effect.Effect<Transport, Failure | LinkError>) => void) | undefined

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
    return true
  }

  get held() {
    return true
  }

  get answer(): Effect.Effect<Transport, Failure | LinkError> {
    return Effect.callback((resume) => {
      if (this.#answer !== undefined) resume(this.#answer)
      else this.#answered = resume
      this.#answer = undefined
      return Effect.sync(() => (this.#answered = undefined))
    })
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
    const first = this.#protocol === undefined
    this.#protocol = transport.protocol
    this.#route.session.reached(transport, gone)
    if (first) this.#settle(Effect.succeed(transport))
  }

  parked(failure: Failure | LinkError): void {
    this.#route.session.parked(goodbye(failure))
    if (this.#protocol === undefined) this.#settle(Effect.fail(failure))
  }

  // Whoever waits goes on in a turn of its own, when the link is Ready.
  #settle(answer: Effect.Effect<Transport, Failure | LinkError>): void {
    if (this.#shared.forever) return // nobody waits
    if (this.#answered === undefined) this.#answer = answer
    else this.#answered(Effect.andThen(Effect.yieldNow, answer))
    this.#answered = undefined
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
