/**
 * Breakers of several makers behind one face, on one fake clock, so that a story can be told to each and must come out the same.
 */
import { Breaker } from "@holdfast/core"
import * as BreakerPromise from "@holdfast/core/BreakerPromise"
import * as Cockatiel from "cockatiel"
import { Clock, Context } from "effect"
import Opossum from "opossum"

/** What became of a call. */
export type Outcome = "ok" | "bad" | "other" | "refused"

/** One maker's breaker. */
export interface Side {
  readonly call: (how: "ok" | "bad" | "other") => Promise<Outcome>
  /** A call that ends when told. */
  readonly pending: () => { readonly outcome: Promise<Outcome>; readonly end: (how: "ok" | "bad") => Promise<Outcome> }
  readonly state: () => "Closed" | "Open" | "HalfOpen" | "Isolated"
  /** The state after each change. */
  readonly changes: ReadonlyArray<string>
  readonly isolate: () => () => void
  readonly forceOpen: () => void
  readonly close: () => void
}

/** An error that says nothing about who was called. */
class Other extends Error {}

const body = (how: "ok" | "bad" | "other") => () =>
  how === "ok" ? Promise.resolve() : Promise.reject(how === "bad" ? new Error("bad") : new Other("other"))

type Protect = (call: () => Promise<void>) => Promise<unknown>

const calls = (protect: Protect, isRefusal: (error: unknown) => boolean): Pick<Side, "call" | "pending"> => {
  const told = (answer: Promise<unknown>): Promise<Outcome> =>
    answer.then(
      () => "ok",
      (error: unknown) => (isRefusal(error) ? "refused" : error instanceof Other ? "other" : "bad"),
    )
  return {
    call: (how) => told(protect(body(how))),
    pending: () => {
      const { promise, reject, resolve } = Promise.withResolvers<void>()
      const outcome = told(protect(() => promise))
      return {
        outcome,
        end: (how) => {
          if (how === "ok") resolve()
          else reject(new Error("bad"))
          return outcome
        },
      }
    },
  }
}

const never = () => {
  throw new Error("this maker has nothing like it")
}

// Effect's own has taken hold of the real monotonic clock before it could be faked.
const clock: Clock.Clock = Object.create(Clock.Clock.defaultValue(), {
  monotonicTimeNanosUnsafe: { value: () => BigInt(Date.now()) * 1_000_000n },
})

/** Ours. */
export const holdfast = (options: Omit<BreakerPromise.Options, "name">): Side => {
  const breaker = BreakerPromise.make({ name: "b", ...options }, Context.make(Clock.Clock, clock))
  const changes: Array<string> = []
  breaker.onChange(({ to }) => changes.push(to))
  return {
    ...calls(
      (call) => breaker.protect(call),
      (error) => error instanceof Breaker.BreakerError,
    ),
    state: breaker.state,
    changes,
    isolate: () => breaker.isolate("test"),
    forceOpen: () => breaker.forceOpen("test"),
    close: breaker.reset,
  }
}

/** With `Other` as an error it is not told to handle. */
export const cockatiel = (options: Cockatiel.ICircuitBreakerOptions): Side => {
  const policy = Cockatiel.circuitBreaker(
    Cockatiel.handleWhen((error) => !(error instanceof Other)),
    options,
  )
  const changes: Array<string> = []
  policy.onStateChange((state) => changes.push(Cockatiel.CircuitState[state]))
  return {
    ...calls((call) => policy.execute(call), Cockatiel.isBrokenCircuitError),
    state: () => Cockatiel.CircuitState[policy.state] as ReturnType<Side["state"]>, // its states have the same names
    changes,
    isolate: () => {
      const handle = policy.isolate()
      return () => handle.dispose()
    },
    forceOpen: never,
    close: never,
  }
}

/** With `Other` as an error that its filter lets pass. */
export const opossum = (options: Opossum.Options): Side => {
  const breaker = new Opossum((call: () => Promise<void>) => call(), {
    timeout: false,
    errorFilter: (error: unknown) => error instanceof Other,
    ...options,
  })
  const changes: Array<string> = []
  breaker.on("open", () => changes.push("Open"))
  breaker.on("halfOpen", () => changes.push("HalfOpen"))
  breaker.on("close", () => changes.push("Closed"))
  return {
    ...calls(
      (call) => breaker.fire(call),
      (error) => error instanceof Error && "code" in error && error.code === "EOPENBREAKER",
    ),
    state: () => (breaker.opened ? "Open" : breaker.halfOpen ? "HalfOpen" : "Closed"),
    changes,
    isolate: never,
    forceOpen: () => breaker.open(),
    close: () => breaker.close(),
  }
}
