/**
 * The faults that `--plan` or `--fault` ask for, as a plan.
 */
import { Fault, FaultPlan } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import { whyNot } from "./configFile.ts"
import { UsageError } from "./failure.ts"
import type { Resolved } from "./resolve.ts"
import type * as Tables from "./tables.ts"

/** What is to go wrong by itself; nothing, if nobody said. */
export const planned = Effect.fnUntraced(function* ({
  sources,
  values,
}: Pick<Resolved<typeof Tables.chaos>, "sources" | "values">): Effect.fn.Return<
  FaultPlan.FaultPlan,
  UsageError,
  FileSystem.FileSystem
> {
  if (values.plan === undefined) {
    return values.fault === undefined ? FaultPlan.none : yield* inShort(values.fault, sources.fault.where)
  }
  const where = `${sources.plan.where}: ${values.plan}`
  const files = yield* FileSystem.FileSystem
  const text = yield* files
    .readFileString(values.plan)
    .pipe(Effect.mapError((error) => new UsageError({ message: `${where} cannot be read: ${whyNot(error)}` })))
  const plan = yield* checked(FaultPlan.decodeJson(text), where)
  yield* possible(plan.faults, where)
  return plan
})

/** Reads faults in their short form; they stay until the program ends, if they do not say for how long. */
export const inShort = Effect.fnUntraced(function* (text: string, where: string) {
  const faults = yield* checked(FaultPlan.decodeText(text), where)
  yield* possible(faults, where)
  return { seed: 0, faults, healAt: forEver } satisfies FaultPlan.FaultPlan
})

/** The time of a plan that nothing heals: a century. */
export const forEver: Fault.Time = "876000h"

const checked = <A>(decoded: Result.Result<A, FaultPlan.InvalidPlan>, where: string): Effect.Effect<A, UsageError> =>
  Effect.fromResult(
    Result.mapError(
      decoded,
      ({ message }) => new UsageError({ message: `${where}: ${message.replaceAll("\n", "; ")}` }),
    ),
  )

// The proxy would say so, too, but only when it plays; this is a wrong setting.
const possible = (faults: FaultPlan.FaultPlan["faults"], where: string) => {
  const at = faults.findIndex(({ fault }) => !FaultProxy.kinds.includes(fault._tag))
  const message = `${where}: faults[${at}]: ${at < 0 ? "" : new FaultProxy.Unsupported({ kind: faults[at]!.fault._tag }).message}`
  return at < 0 ? Effect.void : Effect.fail(new UsageError({ message }))
}
