/**
 * What `holdfast chaos` promises, in sentences. Every one must be true of what the program does.
 */
import { FaultPlan } from "@holdfast/testing"
import { forEver } from "./faults.ts"
import { explainAdmin, explainLog } from "./explain.ts"
import type { Resolved } from "./resolve.ts"
import { lines, sourcesOf, where } from "./sentences.ts"
import type * as Tables from "./tables.ts"
import { formatAddress } from "./values.ts"

/** The promise; with the plan, if it has been read. */
export const explainChaos = (settings: Resolved<typeof Tables.chaos>, plan?: FaultPlan.FaultPlan): string => {
  const { values } = settings
  const from = sourcesOf(settings)
  const { api, fault, plan: file, record } = values
  return lines(
    `Clients of tcp://${where(values.listen)}${from("listen")} are joined to tcp://${formatAddress(values.upstream)}${from("upstream")}, ` +
      "byte for byte, a connection for a connection; a client that the upstream refuses is reset.",
    file !== undefined &&
      `The faults in ${file}${from("plan")} are played once, from the start; then everything is well.`,
    fault !== undefined && `These faults are played from the start${from("fault")}:`,
    ...(plan?.faults ?? []).map(sentence),
    plan !== undefined && plan.healAt !== forEver && file !== undefined && `Everything heals after ${plan.healAt}.`,
    api !== undefined &&
      `The HTTP API of Toxiproxy is on http://${where(api)}${from("api")}, for this machine only; this proxy is called chaos there.`,
    record !== undefined && `What goes wrong is written to ${record}${from("record")}, as a plan that plays it again.`,
    "With a terminal, keys make things go wrong; ? lists them.",
    ...(values.admin === "off" ? [] : explainAdmin(settings, { orElseFree: false })),
    "On SIGTERM or SIGINT all connections are reset. The exit code is 0.",
    explainLog(settings),
  )
}

const sentence = ({ at, for: time, ...entry }: FaultPlan.Entry): string => {
  const when = FaultPlan.isEvent(at)
    ? at.replace(/^(\w+):(\d+)$/, "at $1 $2")
    : at === "0ms"
      ? "at once"
      : `after ${at}`
  return `  ${when}: ${FaultPlan.formatText([{ ...entry, at: "0ms" }])}${time === undefined ? "" : `, for ${time}`}`
}
