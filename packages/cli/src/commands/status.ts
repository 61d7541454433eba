/**
 * `holdfast status`: asks the admin listener of a running program how it is, and says so in tables or JSON.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { explainStatus } from "../internal/explain.ts"
import { NotFine } from "../internal/failure.ts"
import { flagsOf, givenIn } from "../internal/flags.ts"
import * as Process from "../internal/process.ts"
import * as Report from "../internal/report.ts"
import { resolve } from "../internal/resolve.ts"
import * as Tables from "../internal/tables.ts"
import * as TlsFiles from "../internal/tlsFiles.ts"

/** The command. */
export const status = Command.make(
  "status",
  flagsOf(Tables.status),
  Effect.fnUntraced(function* (input) {
    const { out } = yield* Process.Process
    const settings = yield* resolve("status", givenIn(input))
    const { sources, values } = settings
    if (values.explain) return out(explainStatus(settings))
    const token = yield* TlsFiles.token(values["token-file"], sources["token-file"].where)
    const report = yield* Report.ask(values.admin, token)
    out(values.json ? `${JSON.stringify(report)}\n` : Report.format(report))
    if (!report.ready) return yield* new NotFine()
  }),
).pipe(
  Command.withDescription(
    "Ask a running program how it is. The exit code is 0 when it is ready, 1 when it is not or does not answer.",
  ),
  Command.withShortDescription("Ask a running program how it is"),
  Command.withExamples([
    { command: "holdfast status", description: "The proxy on this machine" },
    {
      command: "holdfast status --admin 10.0.0.5:9464 --token-file token --json",
      description: "Another one, for a script",
    },
  ]),
)
