/**
 * Writes down what goes wrong, as a plan that makes it go wrong again at the same times.
 */
import { type Fault, FaultPlan } from "@holdfast/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { whyNot } from "./configFile.ts"
import { RunError } from "./failure.ts"

/** What goes wrong, so far. */
export interface Record {
  /** A fault begins; the answer is its end. */
  readonly begins: (fault: Fault.Fault) => () => void
}

/** More are not written down. */
const most = 10_000

/** Keeps the file up to date until the scope closes. It is there from the start, so that nobody finds out at the end that it cannot be. */
export const make = Effect.fnUntraced(function* (
  path: string,
  seed: number,
): Effect.fn.Return<Record, RunError, FileSystem.FileSystem | Scope.Scope> {
  const files = yield* FileSystem.FileSystem
  const clock = yield* Clock.Clock
  const millis = () => Math.round(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
  const start = millis()
  const faults: Array<{ readonly fault: Fault.Fault; readonly from: number; to: number | undefined }> = []
  const changes = yield* Queue.sliding<void>(1)

  const plan = (): FaultPlan.FaultPlan => ({
    seed,
    faults: faults.map(({ fault, from, to }) => ({
      at: `${from}ms`,
      on: "*",
      fault,
      ...(to === undefined ? {} : { for: `${to - from}ms` as const }),
    })),
    healAt: `${millis() - start}ms`,
  })
  const save = Effect.suspend(() => files.writeFileString(path, FaultPlan.format(plan()))).pipe(
    Effect.mapError((error) => {
      // The file itself would be made.
      const why = error.reason._tag === "NotFound" ? "no such folder" : whyNot(error)
      return new RunError({ message: `--record: cannot write ${path}: ${why}` })
    }),
  )
  const saved = Effect.catch(save, ({ message }) => Effect.logError(message))
  yield* save
  yield* Effect.addFinalizer(() => saved)
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(changes), saved)))
  return {
    begins: (fault) => {
      if (faults.length === most) return () => {}
      const entry = { fault, from: millis() - start, to: undefined as number | undefined }
      faults.push(entry)
      Queue.offerUnsafe(changes, undefined)
      return () => {
        entry.to = millis() - start
        Queue.offerUnsafe(changes, undefined)
      }
    },
  }
})
